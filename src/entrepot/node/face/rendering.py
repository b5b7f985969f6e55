"""From a template to a page: Jinja2 with autoescape, undefined names refused.

Everything a template prints passes through `kernel.errors.visible`, so that bidirectional controls
and escape sequences in names of parties cannot turn a page's words round.
"""

from __future__ import annotations

import datetime
from functools import lru_cache, partial
from typing import Any, Final
from urllib.parse import urlencode

import jinja2
from litestar import Response
from litestar.enums import MediaType
from markupsafe import Markup

from entrepot.kernel.errors import visible
from entrepot.node.face.csrf import TOKEN_FIELD
from entrepot.node.face.language import LANGUAGE_TAGS, LANGUAGES, has_words, t
from entrepot.node.face.parties import node_name
from entrepot.node.face.surroundings import surroundings_of
from entrepot.node.face.visitors import THEMES, AnyRequest, visitor_of

_HTML: Final = MediaType.HTML.value
_KEPT_QUERY_MAX: Final = 50


def page(request: AnyRequest, template: str, *, status: int = 200, **context: Any) -> Response[str]:
    """Render `template` for this visitor and return it with `status`.

    Templates see `t(key, **values)`, `has_words(key)`, `lang`, `theme`, `visitor`, `session`,
    `node_name`, `path`, `here(**changes)` (this address with query fields changed), `csrf_field()`,
    and the filters `moment`, `day`, `number`, `digest`.
    """
    around = surroundings_of(request)
    visitor = visitor_of(request)
    text = (
        environment()
        .get_template(template)
        .render(
            t=partial(t, visitor.language),
            has_words=has_words,
            lang=visitor.language,
            lang_tag=LANGUAGE_TAGS[visitor.language],
            languages=LANGUAGES,
            theme=visitor.theme,
            themes=THEMES,
            visitor=visitor,
            session=visitor.session,
            node_name=node_name(around, visitor.language),
            path=request.url.path,
            here=partial(_here, request),
            csrf_field=lambda: _csrf_field(visitor.form_token()),
            **{
                name: Blank(value) if name in ("problems", "given") else value
                for name, value in context.items()
            },
        )
    )
    return Response(text, status_code=status, media_type=_HTML)


class Blank(dict[str, Any]):
    """What was typed into a form, or what is wrong with it, by field: "" for a field without."""

    def __missing__(self, _field: str) -> str:
        """Return "": a form that is shown first has nothing in it and nothing wrong."""
        return ""


@lru_cache(maxsize=1)
def environment() -> jinja2.Environment:
    """Return the one template environment of the face."""
    made = jinja2.Environment(
        loader=jinja2.PackageLoader("entrepot.node.face", "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        finalize=_seen,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    made.filters.update(moment=moment, day=day, number=number, digest=digest)
    return made


def moment(seconds: int) -> Markup:
    """Return POSIX seconds as a `<time>` element, to the second, in UTC."""
    at = datetime.datetime.fromtimestamp(seconds, datetime.UTC)
    return Markup('<time datetime="{}">{} UTC</time>').format(
        at.strftime("%Y-%m-%dT%H:%M:%SZ"), at.strftime("%Y-%m-%d %H:%M:%S")
    )


def day(value: int | str | datetime.date) -> Markup:
    """Return a day (POSIX seconds, ISO text or date) as a `<time>` element."""
    if isinstance(value, int):
        value = datetime.datetime.fromtimestamp(value, datetime.UTC).date()
    return Markup('<time datetime="{0}">{0}</time>').format(str(value)[:10])


def number(value: int) -> str:
    """Return a whole number with thin grouping: 1 234 567 (ISO 80000-1 7.3.1)."""
    return f"{value:,}".replace(",", "\u202f")


def digest(value: bytes | str) -> Markup:
    """Return a hash as hexadecimal text that is shown short and can be read whole."""
    text = value if isinstance(value, str) else value.hex()
    return Markup('<code class="digest" title="{}">{}…</code>').format(text, text[:16])


def _seen(value: object) -> object:
    """Make a stranger's text visible; markup was made by us, piece by piece, and stays."""
    if isinstance(value, str) and not isinstance(value, Markup):
        return visible(value)
    return value


def _csrf_field(token: str) -> Markup:
    return Markup('<input type="hidden" name="{}" value="{}">').format(TOKEN_FIELD, token)


def _here(request: AnyRequest, **changes: str | int | None) -> str:
    """Return this page's address with query fields changed; None drops a field."""
    pairs = [
        (name, value)
        for name, value in request.query_params.multi_items()
        if name not in changes and name not in {"lang", "theme"}
    ][:_KEPT_QUERY_MAX]
    pairs += [(name, str(value)) for name, value in changes.items() if value is not None]
    return request.url.path + (f"?{urlencode(pairs)}" if pairs else "")
