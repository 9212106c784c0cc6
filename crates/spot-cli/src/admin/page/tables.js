// A table that sorts, filters, and shows no more rows than a page can bear.
import { count, element, say } from "./dom.js";

const MOST_ROWS = 200;

/**
 * A table with `columns` of `{ label, text(item), value?(item), number?, word? }`: what is shown, what is sorted by,
 * and whether it is a number, or short enough for one line.
 * `keyOf(item)` is what the filter looks for.
 */
export class Table {
  constructor(place, name, columns, keyOf) {
    Object.assign(this, { columns, keyOf, items: [], by: 0, down: false });
    this.body = element("tbody", { role: "rowgroup" });
    this.told = element("span", { class: "told" });
    this.filter = element("input", { type: "search", spellcheck: "false", autocomplete: "off" });
    this.filter.addEventListener("input", () => this.draw());
    this.heads = columns.map((column, index) => this.head(column, index));
    const heading = element("tr", { role: "row" }, ...this.heads);
    const table = element("table", { role: "table", "aria-label": name },
      element("thead", { role: "rowgroup" }, heading), this.body);
    place.replaceChildren(
      element("p", { class: "controls" }, element("label", {}, `Filter ${name.toLowerCase()} `, this.filter), " ", this.told),
      element("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": `${name}, scrolls` }, table));
  }

  head(column, index) {
    const button = element("button", { type: "button" }, column.label);
    button.addEventListener("click", () => {
      this.down = this.by === index && !this.down;
      this.by = index;
      this.draw();
    });
    return element("th", { role: "columnheader", scope: "col", ...(column.number && { class: "number" }) }, button);
  }

  show(items) {
    this.items = items;
    this.draw();
  }

  draw() {
    const wanted = this.filter.value.toLowerCase();
    const chosen = wanted
      ? this.items.filter((item) => this.keyOf(item).toLowerCase().includes(wanted)) : [...this.items];
    chosen.sort((a, b) => this.order(a, b));
    this.heads.forEach((head, index) => {
      const sort = index !== this.by ? "none" : this.down ? "descending" : "ascending";
      if (head.getAttribute("aria-sort") !== sort) head.setAttribute("aria-sort", sort);
    });
    const rows = chosen.slice(0, MOST_ROWS);
    say(this.told, tell(rows.length, chosen.length, this.items.length));
    this.fill(rows);
  }

  order(a, b) {
    const { value, text } = this.columns[this.by];
    const of = value ?? text;
    const [first, second] = [of(a), of(b)];
    const order = first < second ? -1 : first > second ? 1 : 0;
    return this.down ? -order : order;
  }

  /** Rows are used again, and touched only where they change. */
  fill(items) {
    while (this.body.rows.length > items.length) this.body.deleteRow(-1);
    while (this.body.rows.length < items.length) this.body.append(this.row());
    items.forEach((item, index) => {
      const row = this.body.rows[index];
      row.dataset.state = item.state ?? "";
      this.columns.forEach((column, at) => say(row.cells[at].lastChild, column.text(item)));
    });
  }

  row() {
    const cells = this.columns.map((column, index) => element("td",
      { role: "cell", class: [column.number && "number", column.word && "word", index === 0 && "key"].filter(Boolean).join(" ") },
      element("span", { class: "column", "aria-hidden": "true" }, column.label), element("span")));
    return element("tr", { role: "row" }, ...cells);
  }
}

function tell(shown, chosen, all) {
  if (shown < chosen) return `${shown} of ${count(chosen)} shown: filter to see others`;
  return chosen < all ? `${count(chosen)} of ${count(all)}` : `${count(all)}`;
}
