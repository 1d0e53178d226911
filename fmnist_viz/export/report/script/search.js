// One image by its id, or by the number in it where that is clear.
function findImage() {
  const asked = byId("find").value.trim(), said = byId("find-said");
  said.textContent = "";
  if (!asked) return;
  const exact = data.ids.indexOf(asked);
  const rows = exact >= 0 ? [exact] : [...data.ids.keys()].filter((i) => data.ids[i].slice(data.ids[i].lastIndexOf("/") + 1) === asked);
  const found = rows.length ? rows : [...data.ids.keys()].filter((i) => data.ids[i].includes(asked));
  if (!found.length) said.textContent = "No image has this id.";
  else if (found.length === 1) openCard(found[0]);
  else selectRows(found, `The ids of these contain “${asked}”.`);
}

function bindSearch() {
  byId("find").addEventListener("keydown", (event) => { if (event.key === "Enter") findImage(); });
  byId("find").addEventListener("input", () => { byId("find-said").textContent = ""; });
  byId("find-go").addEventListener("click", findImage);
}
