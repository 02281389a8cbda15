// Before the page is painted: sets the theme that was chosen in the settings, and hides the list of chats if it was hidden.
{
  let chosen = null;
  try { chosen = localStorage.getItem("theme"); } catch { /* storage is off in some frames */ }
  if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
  addEventListener("storage", ({ key, newValue }) => { // the theme was chosen in another tab
    if (key !== "theme") return;
    if (newValue === "light" || newValue === "dark") document.documentElement.dataset.theme = newValue;
    else delete document.documentElement.dataset.theme;
  });
  try { if (localStorage.getItem("no-side")) document.documentElement.classList.add("no-side"); } catch { /* likewise */ }
}
