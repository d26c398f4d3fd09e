// Buttons that copy: <button data-copy="ID" hidden> copies the text of the element with that id, and
// reports that it has.

export function prepare(root) {
  for (const button of root.querySelectorAll("button[data-copy]")) {
    button.hidden = false;
  }
}

document.addEventListener("click", async ({ target }) => {
  const button = target.closest("button[data-copy]");
  if (!button) {
    return;
  }
  const status = document.getElementById("status");
  try {
    await copy(document.getElementById(button.dataset.copy));
    button.textContent = "Copied";
    status.textContent = "Copied";
  } catch {
    button.textContent = "Select it and press Ctrl-C";
    status.textContent = "It cannot be copied: select the text and press Ctrl-C";
  }
  setTimeout(() => {
    button.textContent = "Copy";
    status.textContent = "";
  }, 2000);
});

// copy writes the text of an element to the clipboard. Pages over HTTP without TLS, except those of
// this machine, have no navigator.clipboard.
async function copy(element) {
  if (navigator.clipboard) {
    await navigator.clipboard.writeText(element.textContent);
    return;
  }
  getSelection().selectAllChildren(element);
  if (!document.execCommand("copy")) {
    throw new Error("not copied");
  }
}

prepare(document);
document.addEventListener("htmx:load", (event) => prepare(event.detail.elt.parentElement ?? document));
