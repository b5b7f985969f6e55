"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const size = data.places.length;
  const UNWRITTEN = data.outcomes.length;
  const $ = (id) => document.getElementById(id);

  const WORDS = {
    en: {
      title: "Who may send what to whom", play: "Play", pause: "Pause",
      before: "Previous change", after: "Next change", slider: "Day of law",
      from: "Senders", to: "Recipients", order: "Order", side: "Shown",
      legend: "Outcomes shown", map: "Map of pairs",
      cells: "Heat map, senders down and recipients across; arrow keys move, Enter reads",
      sender: "From", recipient: "To", facts: "Facts of this atlas",
      caution: "Not legal advice. Each rule names its source and how sure it is: R official text read, r secondary source read, m from memory, ? doubtful. Days after today show law that is published and begins later.",
      all: "all", written: "with a rulebook", blocs: "like places together", name: "by name",
      whole: "whole answer", export: "sender's law alone", import: "recipient's law alone",
      nothing: "The law of every place in this atlas as it stood on this day.",
      changed: "Changed on this day: ", unwritten: "no rulebook",
      unwrittenLong: "No rulebook of {0} speaks to this flow on this day; a person must decide under its law.",
      unheard: "The law of {0} on receiving the data: no rulebook is loaded for that side.",
      same: "Sender and recipient are the same place.", missing: "Would have to be known: ",
      couldBe: "Could be milder: ", duties: "Duties", history: "Through the years",
      before_transfer: "before the transfer", met: "met", failed: "failed", possible: "possible",
      verified: "verified", today: "today", until: "until {0}",
      role: { export: "law of the sender", import: "law of the recipient", origin: "law that follows the data from its origin", party: "law that follows a party" },
      joined: "The strictest of all sides counts.",
    },
    zh: {
      title: "谁可以向谁发送什么数据", play: "播放", pause: "暂停",
      before: "上一次变化", after: "下一次变化", slider: "法律日期",
      from: "发送方", to: "接收方", order: "排序", side: "显示",
      legend: "显示的结果", map: "两地关系图",
      cells: "热力图：纵向为发送方，横向为接收方；方向键移动，回车阅读",
      sender: "从", recipient: "到", facts: "本图所依据的事实",
      caution: "不构成法律意见。每条规则注明来源及可信度：R 已读官方文本，r 已读二手资料，m 凭记忆，? 存疑。今天之后的日期显示已公布、将来生效的法律。",
      all: "全部", written: "有规则书的", blocs: "相近者相邻", name: "按名称",
      whole: "合并结果", export: "仅发送方法律", import: "仅接收方法律",
      nothing: "图中各地当日的法律。",
      changed: "当日变化：", unwritten: "无规则书",
      unwrittenLong: "当日没有{0}的规则书适用于此流动，须由人依其法律决定。",
      unheard: "{0}关于接收数据的法律：没有载入规则书。",
      same: "发送方与接收方相同。", missing: "尚需知道：",
      couldBe: "可能更宽：", duties: "义务", history: "历年变化",
      before_transfer: "传输之前", met: "已履行", failed: "未能履行", possible: "可能产生",
      verified: "核对于", today: "今天", until: "至 {0}",
      role: { export: "发送方法律", import: "接收方法律", origin: "随数据来源地的法律", party: "随当事人的法律" },
      joined: "以各方中最严格者为准。",
    },
  };
  const OUTCOMES = {
    NOT_A_TRANSFER: ["not a transfer", "不构成传输", "#e3f1e1"],
    FREE: ["free", "自由", "#cde8cb"],
    EXEMPT: ["exempt", "豁免", "#b5dcb4"],
    ADEQUACY_LISTED: ["adequacy listed", "充分性认定", "#86cdbb"],
    ADEQUACY_SELF_ASSESSED: ["adequacy self-assessed", "自评充分", "#66bdae"],
    NOTIFY: ["notify", "通知", "#b3d4ea"],
    CONSENT_NOTICE: ["consent and notice", "同意与告知", "#93c1e2"],
    DEROGATION: ["exception", "例外", "#74aed8"],
    CONTRACT: ["contract", "合同", "#4f93c9"],
    BCR: ["binding corporate rules", "约束性公司规则", "#3f80b8"],
    CERTIFICATION: ["certificate", "认证", "#346ea6"],
    CONTRACT_FILING: ["contract, filed", "合同备案", "#f2d469"],
    "CONTRACT_FILING|CERTIFICATION": ["filed contract or certificate", "合同备案或认证", "#eec243"],
    DOSSIER_POST_FILING: ["dossier filed after", "事后报送档案", "#e9ae35"],
    NOTIFY_AND_WAIT: ["notify and wait", "通知并等待", "#e3982e"],
    LOCALISE_COPY: ["copy kept here", "境内留存副本", "#da8229"],
    LOCALISE_FIRST: ["recorded here first", "先在境内存储", "#cf6c25"],
    RESTRICTED_SECURITY: ["security requirements", "安全要求", "#c25a24"],
    SECURITY_ASSESSMENT: ["security assessment", "安全评估", "#b24922"],
    PERMIT: ["permit", "许可", "#a03c22"],
    AUTHORITY_APPROVAL: ["authority's approval", "主管机关批准", "#8d3021"],
    NEEDS_HUMAN: ["a person decides", "由人决定", "#a7aeb6"],
    NEEDS_FACT: ["a fact is missing", "缺少事实", "#7d8690"],
    CONFLICT: ["laws in conflict", "法律冲突", "#8e44ad"],
    PROHIBITED: ["prohibited", "禁止", "#4a1020"],
  };
  const dark = matchMedia("(prefers-color-scheme: dark)").matches;
  const outcomes = [...data.outcomes.map((name) => OUTCOMES[name]), ["", "", dark ? "#252b31" : "#eff1f3"]];
  const colours = outcomes.map(([, , hex]) => [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16)));
  const ranks = data.verdicts.map((verdict) => data.outcomes.indexOf(verdict.outcome));
  const NEEDS_HUMAN = data.outcomes.indexOf("NEEDS_HUMAN");
  const placeOf = new Map(data.places.map((place, at) => [place.code, at]));

  const state = {
    language: document.documentElement.lang === "zh" ? "zh" : "en",
    day: 0, from: -1, to: -1, fromGroup: "written", toGroup: "all", order: "blocs", side: "whole",
    hidden: new Set(), playing: 0,
  };
  const word = (key) => WORDS[state.language][key];
  const label = (rank) => (rank === UNWRITTEN ? word("unwritten") : outcomes[rank][state.language === "zh" ? 1 : 0]);
  const nameOf = (at) => data.places[at][state.language];
  const filled = (text, value) => text.replace("{0}", value);

  // -- the law of a day ------------------------------------------------------------------------

  const unrun = (runs) => {
    const values = new Int32Array(size);
    for (let at = 0, next = 0; at < runs.length; at += 2) {
      values.fill(runs[at], next, (next += runs[at + 1]));
    }
    return values;
  };
  const rows = data.rows.map((runs) => ({ runs, values: null, empty: runs.length === 2 && runs[0] === -1 }));
  const rowOf = (number) => {
    const row = rows[number];
    if (row.values === null) row.values = unrun(row.runs);
    return row.values;
  };
  for (const side of data.sides) {
    for (const stretch of side.stretches) stretch.numbers = unrun(stretch.rows);
  }
  const stretchOn = (side, day) => {
    let found = side.stretches[0];
    for (const stretch of side.stretches) if (stretch.day <= day) found = stretch;
    return found;
  };
  const sidesOf = (from, to, day) =>
    data.sides
      .map((side) => ({ side, verdict: rowOf(stretchOn(side, day).numbers[from])[to] }))
      .filter((found) => found.verdict >= 0);

  const joinedCell = (from, to, day) => {
    const found = sidesOf(from, to, day);
    return joined(
      found.reduce((rank, { verdict }) => Math.max(rank, ranks[verdict]), -1),
      found.some(({ side }) => side.role === "export"),
    );
  };
  const joined = (rank, exported) => (exported || rank > NEEDS_HUMAN ? rank : UNWRITTEN);

  const matrixOn = (day) => {
    const cells = new Int8Array(size * size).fill(-1);
    const exported = new Uint8Array(size * size);
    for (const side of data.sides) {
      if (state.side !== "whole" && side.role !== state.side) continue;
      const numbers = stretchOn(side, day).numbers;
      for (let from = 0; from < size; from += 1) {
        if (rows[numbers[from]].empty) continue;
        const row = rowOf(numbers[from]);
        for (let to = 0; to < size; to += 1) {
          if (row[to] < 0) continue;
          const at = from * size + to;
          if (ranks[row[to]] > cells[at]) cells[at] = ranks[row[to]];
          if (side.role === "export") exported[at] = 1;
        }
      }
    }
    for (let at = 0; at < cells.length; at += 1) {
      cells[at] = state.side === "import" ? (cells[at] < 0 ? UNWRITTEN : cells[at]) : joined(cells[at], exported[at] === 1);
    }
    return cells;
  };

  // -- the map ---------------------------------------------------------------------------------

  let matrix = new Int8Array(0);
  const HEIGHT = 640;
  const CELL_MAX = 28;
  let shown = { down: [], across: [], wide: 1, high: 1 };
  const canvas = $("cells");

  const chosen = (group) => {
    let places = data.places.map((_, at) => at);
    if (group === "written") places = places.filter((at) => data.places[at].written);
    else if (group !== "all") places = places.filter((at) => data.groups[group].includes(data.places[at].code));
    if (state.order === "name") places.sort((a, b) => nameOf(a).localeCompare(nameOf(b), state.language));
    return places;
  };

  const draw = () => {
    const down = chosen(state.fromGroup);
    const across = chosen(state.toGroup);
    const ratio = window.devicePixelRatio || 1;
    const width = canvas.clientWidth || 800;
    const wide = Math.max(1, Math.min(CELL_MAX, width / across.length));
    const high = Math.min(CELL_MAX, Math.max(wide, HEIGHT / down.length));
    shown = { down, across, wide, high };
    const image = new ImageData(across.length, down.length);
    down.forEach((from, y) => {
      across.forEach((to, x) => {
        const rank = from === to ? UNWRITTEN : matrix[from * size + to];
        const [r, g, b] = state.hidden.has(rank) ? colours[UNWRITTEN] : colours[rank];
        image.data.set([r, g, b, from === to ? 0 : 255], 4 * (y * across.length + x));
      });
    });
    const small = document.createElement("canvas");
    small.width = across.length;
    small.height = down.length;
    small.getContext("2d").putImageData(image, 0, 0);
    canvas.width = Math.round(wide * ratio * across.length);
    canvas.height = Math.round(high * ratio * down.length);
    canvas.style.width = `${canvas.width / ratio}px`;
    canvas.style.height = `${canvas.height / ratio}px`;
    const context = canvas.getContext("2d");
    context.imageSmoothingEnabled = false;
    context.drawImage(small, 0, 0, canvas.width, canvas.height);
    names($("row-names"), down, high, 11, (span, at) => { span.style.top = `${(at + 0.5) * high}px`; });
    names($("column-names"), across, wide, 15, (span, at) => { span.style.left = `${(at + 0.5) * wide}px`; });
    $("row-names").style.height = canvas.style.height;
    place();
  };

  const names = (box, places, step, gap, put) => {
    const every = Math.ceil(gap / step);
    box.replaceChildren(...places.flatMap((at, number) => {
      if (number % every) return [];
      const span = document.createElement("span");
      span.textContent = data.places[at].code;
      span.title = nameOf(at);
      put(span, number);
      return [span];
    }));
  };

  const place = () => {
    const x = shown.across.indexOf(state.to);
    const y = shown.down.indexOf(state.from);
    const cursor = $("cursor");
    cursor.hidden = x < 0 || y < 0;
    cursor.style.left = `${canvas.offsetLeft + x * shown.wide - 1}px`;
    cursor.style.top = `${canvas.offsetTop + y * shown.high - 1}px`;
    cursor.style.width = `${Math.max(6, shown.wide + 2)}px`;
    cursor.style.height = `${Math.max(6, shown.high + 2)}px`;
  };

  const pairAt = (event) => {
    const box = canvas.getBoundingClientRect();
    const x = Math.floor((event.clientX - box.left) / shown.wide);
    const y = Math.floor((event.clientY - box.top) / shown.high);
    return [shown.down[y], shown.across[x]];
  };

  // -- the pair --------------------------------------------------------------------------------

  const element = (name, className, ...children) => {
    const made = document.createElement(name);
    if (className) made.className = className;
    made.append(...children);
    return made;
  };
  const swatch = (rank) => {
    const made = element("i", "swatch");
    made.style.background = outcomes[rank][2];
    return made;
  };
  const named = (rank) => element("span", "outcome", swatch(rank), " ", label(rank));
  const cited = (article, bookId, evidence) => {
    const book = data.books[bookId];
    const parts = [`${article}, ${book.title} (${book.source}); ${word("verified")} ${book.verified_on} `];
    if (evidence) parts.push(element("span", evidence === "m" || evidence === "?" ? "mark weak" : "mark", evidence));
    return element("p", "cite", ...parts);
  };

  const answer = () => {
    const box = $("answer");
    $("sender").value = state.from < 0 ? "" : data.places[state.from].code;
    $("recipient").value = state.to < 0 ? "" : data.places[state.to].code;
    if (state.from < 0 || state.to < 0) return box.replaceChildren();
    if (state.from === state.to) return box.replaceChildren(element("p", "", word("same")));
    const rank = joinedCell(state.from, state.to, state.day);
    const found = sidesOf(state.from, state.to, state.day);
    const parts = [
      element("h2", "", `${nameOf(state.from)} → ${nameOf(state.to)}`),
      element("p", "", named(rank), ` · ${data.days[state.day]}`),
    ];
    if (!found.some(({ side }) => side.role === "export")) {
      parts.push(element("p", "", filled(word("unwrittenLong"), nameOf(state.from))));
    }
    if (found.length > 1) parts.push(element("p", "small", word("joined")));
    found.sort((a, b) => ranks[b.verdict] - ranks[a.verdict]);
    for (const { side, verdict } of found) parts.push(sideSection(side, data.verdicts[verdict]));
    if (!found.some(({ side }) => side.role === "import")) {
      parts.push(element("p", "small", filled(word("unheard"), nameOf(state.to))));
    }
    parts.push(history());
    return box.replaceChildren(...parts);
  };

  const sideSection = (side, verdict) => {
    const regime = data.regimes[side.regime];
    const home = placeOf.get(regime.jurisdiction);
    const section = element("section", "side");
    section.dataset.regime = side.regime;
    section.append(element("h3", "", `${home === undefined ? regime.jurisdiction : nameOf(home)}: ${word("role")[side.role]}`));
    section.append(element("p", "says", named(data.outcomes.indexOf(verdict.outcome)), ` · ${regime.title}`));
    for (const rule of verdict.rules) {
      const entries = rule.entries.length ? ` [${rule.entries.join(", ")}]` : "";
      section.append(element("p", "says", `${rule.says} `, element("span", "small", rule.id + entries)));
      section.append(cited(rule.article, rule.book, rule.evidence));
    }
    if (verdict.reason) section.append(element("p", "says", verdict.reason));
    if (verdict.missing.length) section.append(element("p", "small", word("missing") + verdict.missing.join(", ")));
    if (verdict.could_be.length) {
      const milder = verdict.could_be.map((name) => label(data.outcomes.indexOf(name)));
      section.append(element("p", "small", word("couldBe") + milder.join(", ")));
    }
    if (verdict.duties.length) {
      const list = element("ul", "");
      for (const duty of verdict.duties) {
        const when = duty.before ? word("before_transfer") : duty.due;
        const stands = duty.state === "open" ? "" : ` · ${word(duty.state)}`;
        list.append(element("li", "", duty.says, element("div", "cite", `${duty.article} · ${when}${stands}`)));
      }
      const count = ` (${verdict.duties.length})`;
      const folded = element("details", "", element("summary", "", word("duties") + count), list);
      folded.open = verdict.duties.length < 4;
      section.append(folded);
    }
    return section;
  };

  const history = () => {
    const list = element("div", "history");
    let last = -2;
    data.days.forEach((day, at) => {
      const rank = joinedCell(state.from, state.to, at);
      if (rank === last) return;
      last = rank;
      const button = element("button", "", day);
      button.type = "button";
      button.addEventListener("click", () => goTo(at));
      list.append(button, named(rank));
    });
    return element("section", "", element("h3", "", word("history")), list);
  };

  // -- time ------------------------------------------------------------------------------------

  const dayNumber = (text) => Date.parse(text) / 86400000;
  const first = dayNumber(data.days[0]);
  const last = Math.max(dayNumber(data.days[data.days.length - 1]), dayNumber(data.today));
  const share = (text) => (dayNumber(text) - first) / Math.max(1, last - first);
  const indexOf = (text) => {
    let found = 0;
    data.days.forEach((day, at) => { if (day <= text) found = at; });
    return found;
  };

  const goTo = (at) => {
    state.day = Math.max(0, Math.min(data.days.length - 1, at));
    matrix = matrixOn(state.day);
    showTime();
    draw();
    answer();
    remember();
  };

  const showTime = () => {
    const day = data.days[state.day];
    $("slider").value = state.day;
    $("slider").setAttribute("aria-valuetext", day);
    const next = data.days[state.day + 1];
    const now = day <= data.today && (!next || data.today < next);
    $("day").textContent = day;
    $("span").textContent = (next ? filled(word("until"), next) : "") + (now ? ` (${word("today")})` : "");
    const regimes = (data.changed[day] || []).map((id) => data.regimes[id].title);
    $("changed").textContent = regimes.length ? word("changed") + regimes.join("; ") : word("nothing");
    $("before").disabled = state.day === 0;
    $("after").disabled = state.day === data.days.length - 1;
    [...$("ticks").children].forEach((tick, at) => tick.setAttribute("class", at === state.day ? "here" : ""));
  };

  const play = () => {
    if (state.playing) {
      clearInterval(state.playing);
      state.playing = 0;
    } else {
      if (state.day === data.days.length - 1) goTo(0);
      state.playing = setInterval(() => {
        goTo(state.day + 1);
        if (state.day === data.days.length - 1) play();
      }, 700);
    }
    $("play").textContent = word(state.playing ? "pause" : "play");
  };

  // -- controls --------------------------------------------------------------------------------

  const options = (select, pairs, value) => {
    select.replaceChildren(...pairs.map(([key, text]) => new Option(text, key)));
    select.value = value;
  };

  const speak = () => {
    document.documentElement.lang = state.language;
    document.querySelectorAll("[data-word]").forEach((node) => { node.textContent = word(node.dataset.word); });
    document.querySelectorAll("[data-label]").forEach((node) => { node.setAttribute("aria-label", word(node.dataset.label)); });
    $("play").textContent = word(state.playing ? "pause" : "play");
    $("language").textContent = state.language === "en" ? "中文" : "English";
    $("language").lang = state.language === "en" ? "zh" : "en";
    $("about").textContent = `${data.profile}: ${data.about}`;
    const groups = [["all", word("all")], ["written", word("written")], ...Object.keys(data.groups).map((name) => [name, name])];
    options($("from-group"), groups, state.fromGroup);
    options($("to-group"), groups, state.toGroup);
    options($("order"), [["blocs", word("blocs")], ["name", word("name")]], state.order);
    options($("side"), [["whole", word("whole")], ["export", word("export")], ["import", word("import")]], state.side);
    const places = data.places.map((place, at) => [place.code, `${nameOf(at)} (${place.code})`]);
    places.sort((a, b) => a[1].localeCompare(b[1], state.language));
    options($("sender"), [["", "…"], ...places], "");
    options($("recipient"), [["", "…"], ...places], "");
    legend();
    $("facts").replaceChildren(...Object.entries(data.facts).map(([name, value]) =>
      element("tr", "", element("td", "", name), element("td", "", value))));
  };

  const legend = () => {
    const seen = new Set(matrix);
    seen.delete(-1);
    $("legend").replaceChildren(...[...seen].sort((a, b) => a - b).map((rank) => {
      const button = element("button", "", swatch(rank), label(rank));
      button.type = "button";
      button.setAttribute("aria-pressed", String(!state.hidden.has(rank)));
      button.addEventListener("click", () => {
        if (!state.hidden.delete(rank)) state.hidden.add(rank);
        legend();
        draw();
      });
      return button;
    }));
  };

  const select = (from, to) => {
    state.from = from;
    state.to = to;
    place();
    answer();
    remember();
  };

  const remember = () => {
    const parts = { day: data.days[state.day], lang: state.language };
    if (state.from >= 0) parts.from = data.places[state.from].code;
    if (state.to >= 0) parts.to = data.places[state.to].code;
    history_(new URLSearchParams(parts).toString());
  };
  const history_ = (hash) => window.history.replaceState(null, "", `#${hash}`);

  const recall = () => {
    const asked = new URLSearchParams(location.hash.slice(1));
    if (asked.get("lang") in WORDS) state.language = asked.get("lang");
    state.from = placeOf.get(asked.get("from")) ?? -1;
    state.to = placeOf.get(asked.get("to")) ?? -1;
    return indexOf(/^\d{4}-\d\d-\d\d$/.test(asked.get("day")) ? asked.get("day") : data.today);
  };

  const wire = () => {
    $("slider").max = data.days.length - 1;
    const svg = "http://www.w3.org/2000/svg";
    $("ticks").replaceChildren(...data.days.map((day, at) => {
      const tick = document.createElementNS(svg, "line");
      const x = (1000 * at) / Math.max(1, data.days.length - 1);
      Object.entries({ x1: x, x2: x, y1: 0, y2: 12 }).forEach(([key, value]) => tick.setAttribute(key, value));
      return tick;
    }));
    let year = "";
    $("years").replaceChildren(...data.days.flatMap((day, at) => {
      if (day.slice(0, 4) === year) return [];
      year = day.slice(0, 4);
      const span = element("span", "", year);
      span.style.left = `${(100 * at) / Math.max(1, data.days.length - 1)}%`;
      return [span];
    }));
    $("slider").addEventListener("input", () => goTo(Number($("slider").value)));
    $("before").addEventListener("click", () => goTo(state.day - 1));
    $("after").addEventListener("click", () => goTo(state.day + 1));
    $("play").addEventListener("click", play);
    $("language").addEventListener("click", () => {
      state.language = state.language === "en" ? "zh" : "en";
      speak();
      goTo(state.day);
    });
    for (const [id, key] of [["from-group", "fromGroup"], ["to-group", "toGroup"], ["order", "order"]]) {
      $(id).addEventListener("change", () => { state[key] = $(id).value; draw(); });
    }
    $("side").addEventListener("change", () => { state.side = $("side").value; goTo(state.day); legend(); });
    $("choose").addEventListener("submit", (event) => event.preventDefault());
    for (const id of ["sender", "recipient"]) {
      $(id).addEventListener("change", () =>
        select(placeOf.get($("sender").value) ?? -1, placeOf.get($("recipient").value) ?? -1));
    }
    canvas.addEventListener("click", (event) => {
      const [from, to] = pairAt(event);
      if (from !== undefined && to !== undefined) select(from, to);
    });
    canvas.addEventListener("mousemove", (event) => {
      const [from, to] = pairAt(event);
      const known = from !== undefined && to !== undefined && from !== to;
      $("hover").textContent = known ? `${nameOf(from)} → ${nameOf(to)}: ${label(matrix[from * size + to])}` : "";
    });
    canvas.addEventListener("keydown", (event) => {
      const step = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key];
      if (event.key === "Enter") $("answer").scrollIntoView();
      if (!step) return;
      event.preventDefault();
      const y = Math.max(0, Math.min(shown.down.length - 1, shown.down.indexOf(state.from) + step[0]));
      const x = Math.max(0, Math.min(shown.across.length - 1, shown.across.indexOf(state.to) + step[1]));
      select(shown.down[y], shown.across[x]);
    });
    window.addEventListener("resize", draw);
  };

  const day = recall();
  wire();
  matrix = matrixOn(day);
  speak();
  goTo(day);
})();
