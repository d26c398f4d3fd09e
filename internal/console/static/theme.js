// Applies the theme before the page is painted: that of the system, unless another one is kept.
const themes = ["system", "light", "dark"];

function keptTheme() {
  try {
    const kept = localStorage.getItem("theme");
    return themes.includes(kept) ? kept : "system";
  } catch {
    return "system"; // the browser keeps nothing for this page
  }
}

function applyTheme(theme) {
  document.documentElement.dataset.theme = theme;
}

applyTheme(keptTheme());

document.addEventListener("DOMContentLoaded", () => {
  const select = document.getElementById("theme");
  select.value = keptTheme();
  select.hidden = false;
  select.addEventListener("change", () => {
    applyTheme(select.value);
    try {
      localStorage.setItem("theme", select.value);
    } catch {
      // it applies to this page only
    }
    document.dispatchEvent(new Event("theme")); // charts draw with other colours
  });
});
