// The picture and facts of one image, beside the pointer or beside a focused thumbnail.
const tip = byId("tip");

function showTip(i, x, y, more = 0) {
  showThumb(byId("tip-picture"), i, 112);
  const line = (label, ...rest) => element("div", {}, element("span", {}, label), " ", ...rest);
  byId("tip-text").replaceChildren(
    line("true", bdi(data.labels[i])),
    ...(predicted ? [line("predicted", bdi(data.predictions[i]))] : []),
    ...(sure ? [line("confidence", `${percent(data.confidence[i])} %`)] : []),
    ...(map.local ? [line("distortion", map.local.words(i))] : []),
    line("image", element("bdi", {}, data.ids[i])),
    ...(more ? [line(`and ${number(more)} more at this place`)] : []));
  tip.dataset.sampleId = data.ids[i];
  tip.hidden = false;
  const {width, height} = tip.getBoundingClientRect();
  tip.style.left = `${Math.max(4, x + 16 + width > innerWidth ? x - width - 16 : x + 16)}px`;
  tip.style.top = `${Math.max(4, Math.min(y + 16, innerHeight - height - 4))}px`;
}

const hideTip = () => { tip.hidden = true; };
