// Suggestions of types and tags for inputs with data-complete="types" or "tags": names that start
// with what is written, and how many events have them.

const answers = new Map(); // promises of names by URL
let list; // the suggestions that are open, with their input in list.input
let waiting;
let wanted = 0; // number of the last call of show; others are obsolete
let chosen = false; // by a key that is still pressed
let count = 0;

async function ask(kind, prefix) {
  const url = `/complete/${kind}?${new URLSearchParams({ prefix })}`;
  if (!answers.has(url)) {
    if (answers.size >= 100) {
      answers.clear();
    }
    answers.set(url, fetch(url).then((response) => (response.ok ? response.json() : [])).catch(() => []));
  }
  return answers.get(url);
}

function close() {
  if (!list) {
    return;
  }
  const { input } = list;
  input.setAttribute("aria-expanded", "false");
  input.removeAttribute("aria-activedescendant");
  input.removeAttribute("aria-controls");
  list.remove();
  list = undefined;
}

function item(term, n) {
  const element = document.createElement("li");
  element.role = "option";
  element.id = `suggestion-${count}-${n}`;
  element.ariaSelected = "false";
  element.dataset.name = term.name;
  const name = document.createElement("span");
  name.textContent = term.name === "" ? "(empty)" : term.name;
  const events = document.createElement("span");
  events.textContent = term.events.toLocaleString("en").replaceAll(",", "\u202f");
  events.ariaLabel = `${term.events} events`;
  element.append(name, events);
  return element;
}

async function show(input) {
  const { value } = input;
  wanted += 1;
  const number = wanted;
  const terms = (await ask(input.dataset.complete, value)).filter((term) => term.name !== value);
  if (document.activeElement !== input || input.value !== value || number !== wanted) {
    return; // it has changed, or a suggestion was selected meanwhile
  }
  close();
  if (terms.length === 0) {
    return;
  }
  count += 1;
  list = document.createElement("ul");
  list.role = "listbox";
  list.id = `suggestions-${count}`;
  list.className = "suggestions";
  list.ariaLabel = input.dataset.complete === "types" ? "Types with their number of events" : "Tags with their number of events";
  list.input = input;
  list.append(...terms.map(item));
  list.addEventListener("mousedown", (event) => event.preventDefault()); // the input keeps the focus
  list.addEventListener("click", (event) => choose(event.target.closest("li")));
  input.after(list);
  const place = list.offsetParent.getBoundingClientRect();
  const box = input.getBoundingClientRect();
  const left = Math.max(8, Math.min(box.left, document.documentElement.clientWidth - list.offsetWidth - 8));
  list.style.left = `${left - place.left}px`;
  list.style.top = `${box.bottom - place.top}px`;
  input.setAttribute("aria-expanded", "true");
  input.setAttribute("aria-controls", list.id);
}

function choose(element) {
  if (!element) {
    return;
  }
  const { input } = list;
  close();
  input.value = element.dataset.name;
  input.dispatchEvent(new Event("change", { bubbles: true }));
}

function select(step) {
  clearTimeout(waiting); // other suggestions would lose the selection
  wanted += 1;
  const items = [...list.children];
  const current = items.findIndex((element) => element.ariaSelected === "true");
  const next = current < 0 && step < 0 ? items.length - 1 : (current + step + items.length) % items.length;
  items[current]?.setAttribute("aria-selected", "false");
  items[next].setAttribute("aria-selected", "true");
  items[next].scrollIntoView({ block: "nearest" });
  list.input.setAttribute("aria-activedescendant", items[next].id);
}

function press(event) {
  const input = event.target;
  if (!input.dataset?.complete || event.isComposing) {
    return;
  }
  const open = list?.input === input;
  switch (event.key) {
    case "ArrowDown":
    case "ArrowUp":
      event.preventDefault();
      if (open) {
        select(event.key === "ArrowDown" ? 1 : -1);
      } else {
        show(input);
      }
      break;
    case "Enter": {
      const selected = open && list.querySelector('[aria-selected="true"]');
      if (selected) {
        event.preventDefault();
        choose(selected);
        chosen = true;
      }
      break;
    }
    case "Escape":
      if (open) {
        event.preventDefault();
        close();
      }
  }
}

document.addEventListener("keydown", press, { capture: true });
// Some input methods send the character although keydown was handled. It would submit the form.
document.addEventListener("keypress", (event) => {
  if (event.key === "Enter" && chosen) {
    event.preventDefault();
  }
});
document.addEventListener("keyup", () => { chosen = false; });
document.addEventListener("input", (event) => {
  if (event.target.dataset?.complete) {
    clearTimeout(waiting);
    waiting = setTimeout(show, 120, event.target);
  }
});
document.addEventListener("focusin", ({ target }) => {
  if (target.dataset?.complete) {
    target.role = "combobox";
    target.autocomplete = "off";
    target.setAttribute("aria-autocomplete", "list");
    target.setAttribute("aria-expanded", "false");
    show(target);
  }
});
document.addEventListener("focusout", close);
