// Browse: the URL contains how many events are shown, so that the browser finds the position again
// when it returns to the page or reloads it.

const maxEvents = 1000; // the server shows no more at once

document.addEventListener("htmx:afterSwap", (event) => {
  if (!event.detail.elt.closest("#events") && event.detail.target.id !== "events") {
    return;
  }
  remember();
});

// remember writes the number of events, and the first one, to the URL. They are what it shows
// however many events are appended.
function remember() {
  const events = document.querySelectorAll("#events > .event");
  const url = new URL(location.href);
  const isNewestFirst = url.searchParams.get("order") !== "oldest" && !url.searchParams.has("after");
  if (events.length > maxEvents || events.length <= Number(url.searchParams.get("limit") ?? 50)) {
    return;
  }
  url.searchParams.set("limit", events.length);
  if (isNewestFirst) {
    url.searchParams.set("start", events[0].id.replace("event-", ""));
  }
  history.replaceState(history.state, "", url);
}

// With so many events, the link to more of them leads to another page.
document.addEventListener("htmx:beforeRequest", (event) => {
  if (event.detail.elt.classList.contains("more") && document.querySelectorAll("#events > .event").length >= maxEvents) {
    event.preventDefault();
  }
});
