// Starts ReDoc with this server's document. A separate file, because the page allows no inline script.
const root = document.getElementById("redoc");
const dark = {
  colors: {
    primary: { main: "#a99cff" },
    success: { main: "#5fd08a" },
    error: { main: "#ff8f86" },
    text: { primary: "#e4e6e6", secondary: "#b1b9bc" },
    gray: { 50: "#23282b", 100: "#2c3236" },
    border: { light: "#3a4145", dark: "#4b5358" },
    responses: {
      success: { color: "#5fd08a", backgroundColor: "#1f3329" },
      error: { color: "#ff8f86", backgroundColor: "#3a2526" },
    },
  },
  schema: { nestedBackground: "#23282b", typeNameColor: "#b1b9bc", typeTitleColor: "#b1b9bc" },
  typography: { code: { color: "#ffb4a2", backgroundColor: "#2c3236" }, links: { color: "#a99cff" } },
  sidebar: { backgroundColor: "#202427", textColor: "#e4e6e6" },
  rightPanel: { backgroundColor: "#16191b" },
};
const scheme = matchMedia("(prefers-color-scheme: dark)");
scheme.addEventListener("change", () => location.reload()); // ReDoc's theme is fixed once it runs

Redoc.init(root.dataset.spec, { theme: scheme.matches ? dark : {}, expandResponses: "200" }, root);
