// Scripts of every page.

// complete fills the list of suggestions of an input with names that start with its text.
const asked = new Map();
async function complete(input) {
  const path = `/complete/${input.dataset.complete}?prefix=${encodeURIComponent(input.value)}`;
  if (!asked.has(path)) {
    asked.set(path, fetch(path).then((response) => (response.ok ? response.json() : [])));
  }
  const terms = await asked.get(path);
  let list = input.list;
  if (!list) {
    list = document.createElement("datalist");
    list.id = `complete-${document.querySelectorAll("datalist").length}`;
    input.after(list);
    input.setAttribute("list", list.id);
  }
  list.replaceChildren(...terms.map((term) => {
    const option = document.createElement("option");
    option.value = term.name;
    option.label = `${term.name} (${term.events})`;
    return option;
  }));
}

let waiting;
document.addEventListener("input", (event) => {
  if (event.target.dataset.complete) {
    clearTimeout(waiting);
    waiting = setTimeout(() => complete(event.target), 150);
  }
});
document.addEventListener("focusin", (event) => {
  if (event.target.dataset.complete) {
    complete(event.target);
  }
});
