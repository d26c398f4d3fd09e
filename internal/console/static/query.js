// Fields for a query: a field more whenever the last one is used, buttons that clear fields, items
// without a request, and URLs without empty fields.

function fieldsOf(element) {
  return element.closest(".fields");
}

// tidy keeps one empty field at the end of each list, and a button at each other one.
function tidy(fields) {
  const all = [...fields.querySelectorAll(".field")];
  for (const field of all) {
    const input = field.querySelector("input");
    const isEmpty = input.value === "";
    let clear = field.querySelector("button");
    if (isEmpty) {
      clear?.remove();
      if (field !== all.at(-1) && input !== document.activeElement) {
        field.remove();
      }
    } else if (!clear) {
      clear = document.createElement("button");
      clear.type = "button";
      clear.className = "clear quiet";
      clear.textContent = "×";
      field.append(clear);
    }
    if (clear) {
      clear.ariaLabel = `Remove ${input.value}`;
    }
  }
  const last = fields.querySelector(".field:last-child");
  if (last.querySelector("input").value !== "") {
    fields.append(emptyField(last));
  }
}

function emptyField(field) {
  const copy = field.cloneNode(true);
  for (const element of copy.querySelectorAll("button, ul")) {
    element.remove();
  }
  const input = copy.querySelector("input");
  input.value = "";
  input.removeAttribute("value");
  for (const name of ["aria-expanded", "aria-controls", "aria-activedescendant"]) {
    input.removeAttribute(name);
  }
  return copy;
}

// addItem adds an empty item, whose fields have a number that is not in use.
function addItem(button) {
  const items = [...button.form.querySelectorAll(".item")];
  const model = items.findLast((item) => item.dataset.suffix !== undefined);
  if (!model) {
    return false; // the server knows one
  }
  const item = model.cloneNode(true);
  const number = Math.max(1, ...items.map((other) => Number(other.dataset.suffix ?? 1))) + 1;
  item.dataset.suffix = number;
  item.querySelector("legend").textContent = "or events with one of the types and all of the tags";
  item.querySelectorAll("button").forEach((other) => other.remove());
  for (const fields of item.querySelectorAll(".fields")) {
    const field = emptyField(fields.querySelector(".field"));
    const input = field.querySelector("input");
    input.name = input.name.replace(/\d*$/, number);
    fields.replaceChildren(field);
  }
  item.append(button);
  items.at(-1).after(item);
  item.querySelector("input").focus();
  return true;
}

for (const type of ["input", "change", "focusout"]) {
  document.addEventListener(type, ({ target }) => {
    const fields = fieldsOf(target);
    if (fields) {
      setTimeout(() => fields.isConnected && tidy(fields)); // when the focus has moved
    }
  });
}
document.addEventListener("click", (event) => {
  const button = event.target.closest(".item button");
  if (button?.name === "add" && addItem(button)) {
    event.preventDefault();
  } else if (button?.classList.contains("clear")) {
    const fields = fieldsOf(button);
    button.closest(".field").remove();
    fields.querySelector(".field:last-child input").focus();
  }
});
document.addEventListener("formdata", ({ target, formData }) => {
  if (target.matches("form.query")) {
    for (const name of new Set(formData.keys())) {
      const values = formData.getAll(name).filter((value) => value !== "");
      formData.delete(name);
      for (const value of values) {
        formData.append(name, value);
      }
    }
  }
});
document.querySelectorAll(".fields").forEach(tidy);
