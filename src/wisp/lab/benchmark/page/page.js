"use strict";
(() => {
  const { result, pictures, metrics, headings } = JSON.parse(document.getElementById("data").textContent);
  const systems = result.systems.filter((row) => !("error" in row));
  const byName = new Map(pictures.map((picture) => [picture.name, picture]));
  const $ = (id) => document.getElementById(id);

  function make(tag, parent, text, attributes = {}) {
    const svg = ["svg", "g", "circle", "line", "text", "path", "title"].includes(tag) && parent !== null;
    const node = svg && (tag === "svg" || parent.namespaceURI.endsWith("svg"))
      ? document.createElementNS("http://www.w3.org/2000/svg", tag) : document.createElement(tag);
    if (text !== undefined && text !== null) node.textContent = text;
    for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
    if (parent) parent.append(node);
    return node;
  }

  function fill(select, options, chosen) {
    for (const [value, text] of options) make("option", select, text, { value });
    if (chosen !== undefined) select.value = chosen;
  }

  // Tables that sort: numbers by value, words by the alphabet, rows without figures last.
  function sortable(table) {
    const heads = [...table.tHead.rows[0].cells];
    heads.forEach((head, column) => head.addEventListener("click", () => {
      const rising = head.getAttribute("aria-sort") !== "ascending";
      heads.forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", rising ? "ascending" : "descending");
      const value = (row) => {
        const cell = row.cells[column];
        return cell && cell.dataset.value !== undefined && cell.dataset.value !== "" ? cell.dataset.value : null;
      };
      const rows = [...table.tBodies[0].rows].sort((a, b) => {
        const [x, y] = [value(a), value(b)];
        if (x === null || y === null) return (x === null) - (y === null);
        const difference = isNaN(x) || isNaN(y) ? x.localeCompare(y) : x - y;
        return rising ? difference : -difference;
      });
      table.tBodies[0].append(...rows);
    }));
  }

  function markBest(table) {
    const rows = [...table.tBodies[0].rows].filter((row) => !row.classList.contains("failed"));
    for (let column = 1; column <= Object.keys(metrics).length && rows.length > 1; column++) {
      const values = rows.map((row) => Number(row.cells[column].dataset.value));
      rows[values.indexOf(Math.min(...values))].cells[column].classList.add("best");
    }
  }

  // Quality against time.
  function ticks(low, high) {
    const found = [];
    for (let power = Math.floor(Math.log10(low)); power <= Math.ceil(Math.log10(high)); power++)
      for (const step of [1, 2, 5]) {
        const value = step * 10 ** power;
        if (value >= low && value <= high) found.push(value);
      }
    return found;
  }

  function plot() {
    const [metric, region, time] = ["plot-metric", "plot-region", "plot-time"].map((id) => $(id).value);
    const [title, by] = metrics[metric];
    const points = systems.map((row) => ({ row, x: row[time], y: row.mean[region][metric] * by }))
      .filter((point) => point.x > 0 && point.y > 0);
    $("chart").replaceChildren();
    if (!points.length) return;
    const [width, height, left, right, top, bottom] = [1160, 460, 64, 250, 16, 48];
    const range = (key, margin) => {
      const values = points.map((point) => point[key]);
      return [Math.min(...values) / margin, Math.max(...values) * margin];
    };
    const [x0, x1] = range("x", 1.3), [y0, y1] = range("y", 1.25);
    const across = (x) => left + (width - left - right) * Math.log(x / x0) / Math.log(x1 / x0);
    const up = (y) => height - bottom - (height - top - bottom) * Math.log(y / y0) / Math.log(y1 / y0);
    const svg = make("svg", $("chart"), null, { width, height, viewBox: `0 0 ${width} ${height}`, role: "img" });
    make("title", svg, `${title} against time`);
    for (const x of ticks(x0, x1)) {
      make("line", svg, null, { class: "axis", x1: across(x), x2: across(x), y1: top, y2: height - bottom });
      make("text", svg, String(+x.toPrecision(2)), { class: "tick", x: across(x), y: height - bottom + 18, "text-anchor": "middle" });
    }
    for (const y of ticks(y0, y1)) {
      make("line", svg, null, { class: "axis", x1: left, x2: width - right, y1: up(y), y2: up(y) });
      make("text", svg, String(+y.toPrecision(2)), { class: "tick", x: left - 8, y: up(y) + 4, "text-anchor": "end" });
    }
    make("text", svg, `${$("plot-time").selectedOptions[0].text} a photo`, { x: left, y: height - 8 });
    make("text", svg, title, { x: left + 6, y: top + 12 });
    let best = Infinity;
    const front = [...points].sort((a, b) => a.x - b.x).filter((point) => point.y < best && ((best = point.y), true));
    make("path", svg, null, { class: "front", d: "M" + front.map((p) => `${across(p.x)},${up(p.y)}`).join("L") });
    const taken = [];
    for (const { row, x, y } of points.sort((a, b) => up(a.y) - up(b.y))) {
      const dot = make("circle", svg, null, { class: row.kind, cx: across(x), cy: up(y), r: 5 });
      make("title", dot, `${row.name}: ${title} ${y.toPrecision(3)}, ${x.toPrecision(3)} s`);
      const at = { x: across(x) + 9, y: up(y) + 4, width: 7 * row.name.length };
      for (const other of taken)
        if (at.x < other.x + other.width && other.x < at.x + at.width && at.y < other.y + 13 && at.y > other.y - 13)
          at.y = other.y + 13;
      taken.push(at);
      make("text", svg, row.name, { class: row.kind, x: at.x, y: at.y });
    }
  }

  // Pixels of the pictures, decoded once.
  const decoded = new Map();
  function pixels(url, width, height) {
    if (!decoded.has(url))
      decoded.set(url, (async () => {
        const image = new Image();
        image.src = url;
        await image.decode();
        const canvas = make("canvas", null, null, { width, height });
        const context = canvas.getContext("2d", { willReadFrequently: true });
        context.drawImage(image, 0, 0, width, height);
        return context.getImageData(0, 0, width, height);
      })());
    return decoded.get(url);
  }

  const GROUND = { green: [0, 177, 64], white: [255, 255, 255], black: [0, 0, 0] };
  function heat(value) {
    const t = Math.min(1, value / 255 * 1.5) * 3;
    return [Math.min(1, t) * 255, Math.min(1, Math.max(0, t - 1)) * 255, Math.max(0, t - 2) * 255];
  }

  async function draw(canvas, picture, slug, view) {
    const { width, height } = picture;
    const get = (url) => pixels(url, width, height);
    const pair = slug === "truth" ? [picture.truth, null] : picture.systems[slug];
    const out = new ImageData(width, height);
    if (view === "error") {
      const error = pair[1] === null ? null : await get(pair[1]);
      for (let i = 0; i < out.data.length; i += 4) out.data.set([...heat(error === null ? 0 : error.data[i]), 255], i);
    } else if (view === "alpha") {
      out.data.set((await get(pair[0])).data);
    } else {
      const [photo, alpha] = await Promise.all([get(picture.photo), get(pair[0])]);
      const ground = GROUND[view];
      for (let i = 0; i < out.data.length; i += 4) {
        const a = alpha.data[i] / 255;
        for (let c = 0; c < 3; c++) out.data[i + c] = a * photo.data[i + c] + (1 - a) * ground[c];
        out.data[i + 3] = 255;
      }
    }
    canvas.width = width;
    canvas.height = height;
    canvas.getContext("2d").putImageData(out, 0, 0);
  }

  // Two systems under a slider, and all of them as error maps.
  function nameOf(slug) {
    return slug === "truth" ? "truth" : systems.find((row) => row.slug === slug).name;
  }

  function slide() {
    const share = $("slider").value;
    $("over").style.clipPath = `inset(0 0 0 ${share}%)`;
    $("edge").style.left = `calc(${share}% - 1px)`;
  }

  let drawing = 0;
  async function compare() {
    const picture = byName.get($("photo").value);
    if (!picture) return;
    const mine = ++drawing;
    const [left, right, view] = [$("left").value, $("right").value, $("view").value];
    await Promise.all([draw($("under"), picture, left, view), draw($("over"), picture, right, view)]);
    if (mine !== drawing) return compare();
    $("left-name").textContent = nameOf(left);
    $("right-name").textContent = nameOf(right);
    slide();
  }

  async function maps() {
    const picture = byName.get($("photo").value);
    $("maps").replaceChildren();
    if (!picture) return;
    const sad = (row) => row.images[picture.name].whole.sad;
    for (const row of [...systems].sort((a, b) => sad(a) - sad(b))) {
      const figure = make("figure", $("maps"));
      const canvas = make("canvas", figure);
      make("figcaption", figure, `${row.name}: ${sad(row).toFixed(2)}`);
      figure.addEventListener("click", () => { $("right").value = row.slug; compare(); });
      await draw(canvas, picture, row.slug, "error");
    }
  }

  function show(name) {
    if (byName.has(name)) $("photo").value = name;
    for (const row of $("cases").tBodies[0].rows)
      row.setAttribute("aria-current", String(row.dataset.name === $("photo").value));
    return Promise.all([compare(), maps()]);
  }

  function listCases() {
    const table = $("cases");
    const head = make("tr", table.createTHead());
    const columns = [["photo", "A to Z"], ...systems.map((row) => [row.name, row.runs_in])];
    for (const [text, title] of columns) make("button", make("th", head, null, { scope: "col", title }), text, { type: "button" });
    const body = table.createTBody();
    for (const name of result.hardest) {
      const line = make("tr", body, null, { "data-name": name });
      make("th", line, name, { scope: "row", "data-value": name });
      for (const row of systems) {
        const value = row.images[name].whole.sad;
        make("td", line, value.toFixed(2), { "data-value": value });
      }
      line.addEventListener("click", () => { show(name); $("compare").scrollIntoView({ behavior: "smooth" }); });
    }
  }

  document.querySelectorAll("#means table").forEach((table) => { sortable(table); markBest(table); });
  fill($("plot-metric"), Object.entries(metrics).map(([key, [title]]) => [key, title]), "sad");
  fill($("plot-region"), Object.entries(headings), result.regions[0]);
  for (const id of ["plot-metric", "plot-region", "plot-time"]) $(id).addEventListener("change", plot);
  plot();
  listCases();
  sortable($("cases"));
  const choices = [...systems.map((row) => [row.slug, row.name]), ["truth", "truth"]];
  const peer = systems.find((row) => row.kind !== "ours") || systems[1] || systems[0];
  fill($("photo"), pictures.map((picture) => [picture.name, picture.name]));
  fill($("left"), choices, systems.length ? systems[0].slug : "truth");
  fill($("right"), choices, peer ? peer.slug : "truth");
  for (const id of ["left", "right", "view"]) $(id).addEventListener("change", compare);
  $("photo").addEventListener("change", () => show($("photo").value));
  $("slider").addEventListener("input", slide);
  const follow = (event) => {
    const box = $("stage").getBoundingClientRect();
    $("slider").value = (event.clientX - box.left) / box.width * 100;
    slide();
  };
  $("stage").addEventListener("pointerdown", (event) => { $("stage").setPointerCapture(event.pointerId); follow(event); });
  $("stage").addEventListener("pointermove", (event) => { if (event.buttons) follow(event); });
  show(pictures.length ? pictures[0].name : "").then(() => { document.body.dataset.ready = "true"; });
})();
