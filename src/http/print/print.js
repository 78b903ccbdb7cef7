
document.querySelector("button").addEventListener("click", () => print());
addEventListener("load", () => print());
