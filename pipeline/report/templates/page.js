"use strict";
const make = (tag, properties = {}) => Object.assign(document.createElement(tag), properties);

// Tables: sorted by a click on a head (up, down, as it was), filtered by what a column has or by any text.
const numberOf = text => parseFloat(text.replace("\u2212", "-").replace(/^[^\d.+-]+/, "").replace(/(\d),(?=\d)/g, "$1"));

function sortable(table) {
  const body = table.tBodies[0], rows = [...body.rows];
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => {
    const button = make("button", {type: "button", title: "sort"});
    button.append(...head.childNodes);
    head.append(button);
    button.onclick = () => {
      const next = {ascending: "descending", descending: null}[head.ariaSort] ?? (head.ariaSort ? null : "ascending");
      heads.forEach(other => other.removeAttribute("aria-sort"));
      if (next) head.ariaSort = next;
      const turned = next === "descending" ? -1 : 1;
      const compared = (one, other) => {
        const [a, b] = [one, other].map(row => row.cells[column].innerText.trim());
        const [x, y] = [a, b].map(numberOf);
        // What has no value stays below.
        if (a === "\u2013" || b === "\u2013") return (a === "\u2013") - (b === "\u2013");
        return turned * (isNaN(x) || isNaN(y) ? a.localeCompare(b, "en", {numeric: true}) : x - y);
      };
      body.append(...(next ? [...rows].sort(compared) : rows));
    };
  });
}

function filterable(table) {
  const rows = [...table.tBodies[0].rows], textOf = cell => cell.innerText.trim();
  if (rows.length < 5) return;
  const tools = make("div", {className: "tools"}), wanted = new Map();
  const search = make("input", {type: "search", placeholder: "filter rows", ariaLabel: "filter rows"});
  const count = make("output");
  const show = () => {
    for (const row of rows) {
      const fits = [...wanted].every(([column, value]) => !value || textOf(row.cells[column]) === value);
      row.hidden = !fits || !row.innerText.toLowerCase().includes(search.value.toLowerCase());
    }
    const left = rows.filter(row => !row.hidden).length;
    count.value = left < rows.length ? `${left} of ${rows.length} rows` : "";
  };
  search.oninput = show;
  tools.append(search);
  [...table.tHead.rows[0].cells].forEach((head, column) => {
    const values = [...new Set(rows.map(row => textOf(row.cells[column])))];
    // What was measured is not to choose by.
    if (values.length < 2 || values.length > Math.min(8, rows.length / 2) || values.some(value => /\d\.\d/.test(value))) return;
    const select = make("select", {ariaLabel: head.innerText});
    select.append(make("option", {value: "", text: `${head.innerText}: all`}));
    select.append(...values.map(value => make("option", {value, text: value})));
    select.onchange = () => { wanted.set(column, select.value); show(); };
    tools.append(select);
  });
  tools.append(count);
  table.parentElement.before(tools);
}

for (const table of document.querySelectorAll(".scroll > table")) {
  filterable(table);
  sortable(table);
}

// Figures: what the nearest point is, by pointer or with the arrow keys; a series goes and comes by its name in the legend.
const tip = document.getElementById("tip"), REACH = 24;
let shown = null;

function tell(point) {
  shown?.classList.remove("shown");
  shown = point;
  tip.hidden = !point;
  if (!point) return;
  point.classList.add("shown");
  tip.innerText = point.dataset.said;
  const box = point.getBoundingClientRect(), right = document.documentElement.clientWidth - tip.offsetWidth - 8;
  const above = box.top - tip.offsetHeight - 8;
  tip.style.left = `${Math.max(8, Math.min(right, box.left + box.width / 2 + 8))}px`;
  tip.style.top = `${above < 8 ? box.bottom + 8 : above}px`;
}

function distance(point, x, y) {
  const box = point.getBoundingClientRect();
  return Math.hypot(Math.max(box.left - x, 0, x - box.right), Math.max(box.top - y, 0, y - box.bottom));
}

for (const plot of document.querySelectorAll(".plot")) {
  const series = [...plot.querySelectorAll("[data-series]")], off = new Set();
  // The script's own words come at once; a title of the browser's would stand beside them.
  for (const point of plot.querySelectorAll(".point")) {
    point.dataset.said = point.querySelector("title").textContent;
    point.querySelector("title").remove();
  }
  const points = () => [...plot.querySelectorAll(".point")].filter(point => !point.closest(".off"));
  plot.onpointermove = plot.onpointerdown = event => {
    const near = points().map(point => [distance(point, event.clientX, event.clientY), point]);
    const [far, point] = near.reduce((one, other) => other[0] < one[0] ? other : one, [REACH, null]);
    tell(far < REACH ? point : null);
  };
  plot.onpointerleave = event => { if (event.pointerType === "mouse") tell(null); };
  plot.onblur = () => tell(null);
  plot.onkeydown = event => {
    const step = {ArrowRight: 1, ArrowLeft: -1}[event.key];
    if (event.key === "Escape") tell(null);
    if (!step || event.target !== plot) return;
    const all = points(), place = all.indexOf(shown);
    tell(all.at(place < 0 ? (step > 0 ? 0 : -1) : (place + step) % all.length));
    event.preventDefault();
  };
  for (const name of plot.querySelectorAll("[data-legend]")) {
    name.setAttribute("role", "button");
    name.setAttribute("tabindex", "0");
    const toggle = () => {
      const label = name.dataset.legend, hide = !off.delete(label);
      if (hide) off.add(label);
      name.setAttribute("aria-pressed", hide);
      for (const part of series) if (part.dataset.series === label) part.classList.toggle("off", hide);
      tell(null);
    };
    name.onclick = toggle;
    name.onkeydown = event => {
      if (event.key === "Enter" || event.key === " ") { toggle(); event.preventDefault(); }
    };
  }
}
document.addEventListener("scroll", () => tell(null), {passive: true, capture: true});

// What a link leads to is opened first, where the browser does not do it by itself.
const unfold = hash => {
  const folded = document.getElementById(hash.slice(1))?.closest("details:not([open])");
  if (folded) folded.open = true;
};
document.addEventListener("click", event => unfold(event.target.closest("a[href^='#']")?.hash ?? ""));
window.addEventListener("hashchange", () => unfold(location.hash));
unfold(location.hash);
