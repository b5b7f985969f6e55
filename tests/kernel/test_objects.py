"""Places for files: a folder and an object store keep the same promises."""

from pathlib import Path

import pytest
from object_server import ObjectServer, object_server

from entrepot.kernel.errors import InvalidInput, StorageError
from entrepot.kernel.objects import Objects, is_object_url, open_objects
from entrepot.kernel.objectstore import StoredObjects

__all__ = ["object_server"]


@pytest.fixture(params=["folder", "object-store"])
def objects(request: pytest.FixtureRequest, tmp_path: Path) -> Objects:
    if request.param == "folder":
        return open_objects("bodies", tmp_path)
    server: ObjectServer = request.getfixturevalue("object_server")
    return open_objects(server.place("bodies"), tmp_path)


def test_what_is_put_is_found_until_it_is_deleted(objects: Objects) -> None:
    assert objects.get("aa11") is None and list(objects.names()) == []
    objects.put("aa11", b"one")
    objects.put_all({"bb22": b"", "cc33": b"x" * 3_000_000})
    assert objects.get("aa11") == b"one"
    assert objects.get("bb22") == b""
    assert objects.get("cc33") == b"x" * 3_000_000
    assert sorted(objects.names()) == ["aa11", "bb22", "cc33"]
    objects.delete("aa11")
    objects.delete("aa11")
    assert objects.get("aa11") is None
    assert sorted(objects.names()) == ["bb22", "cc33"]
    objects.close()


def test_many_names_are_listed_page_by_page(objects: Objects) -> None:
    names = {f"{number:032x}" for number in range(1_203)}
    objects.put_all(dict.fromkeys(names, b"."))
    assert set(objects.names()) == names
    objects.close()


def test_a_folder_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    (tmp_path / "bodies").write_bytes(b"not a folder")
    objects = open_objects("bodies", tmp_path)
    with pytest.raises(StorageError):
        objects.put("aa11", b"x")


def test_files_of_a_folder_are_for_the_owner_alone(tmp_path: Path) -> None:
    open_objects("bodies", tmp_path).put("aa11", b"x")
    assert (tmp_path / "bodies" / "aa" / "aa11").stat().st_mode & 0o777 == 0o600


def test_a_condition_holds_only_for_what_was_seen(object_server: ObjectServer) -> None:
    store = StoredObjects(object_server.place("p"))
    attributes = {"Content-Type": "text/plain"}
    done, first = store.put_matching("c", b"1", None, attributes=attributes)  # type: ignore[arg-type]
    assert done and first
    assert store.put_matching("c", b"2", None, attributes={}) == (False, None)
    assert store.put_matching("c", b"2", '"0123"', attributes={}) == (False, None)
    done, second = store.put_matching("c", b"2", first, attributes={})
    assert done and second != first
    assert store.get_tagged("c") == (b"2", second)
    store.close()


def test_a_store_without_conditions_is_put_to_all_the_same(
    object_server: ObjectServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_CONDITIONAL_PUT", "disabled")
    store = StoredObjects(object_server.place("p"))
    assert store.put_matching("c", b"1", None, attributes={})[0]
    assert store.put_matching("c", b"2", '"0123"', attributes={})[0]
    assert store.get("c") == b"2"
    store.close()


def test_a_bucket_that_does_not_exist_is_no_secret_and_no_defect(
    object_server: ObjectServer,
) -> None:
    store = StoredObjects("s3://no-such-bucket/p")
    with pytest.raises(StorageError) as caught:
        store.put("c", b"1")
    said = str(caught.value)
    assert "no-such-bucket" in said and "INVENTED" not in said and "amz" not in said.lower()
    store.close()


def test_only_s3_urls_and_folders_are_places(tmp_path: Path) -> None:
    assert is_object_url("s3://b/p") and not is_object_url("/srv/bodies")
    for odd in ("http://host/x", "s3://", "s3://user:pass@b/x", "gs://b"):
        with pytest.raises(InvalidInput) as caught:
            open_objects(odd, tmp_path)
        assert "pass" not in str(caught.value)
