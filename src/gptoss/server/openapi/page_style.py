"""How the page of the OpenAPI document looks."""

from __future__ import annotations

STYLE = """
:root {
  color-scheme: light dark;
  --text: light-dark(#1d2026, #e4e6ea); --faint: light-dark(#5a6270, #9aa3b2);
  --page: light-dark(#ffffff, #16181d); --raised: light-dark(#f5f6f8, #1e2128);
  --line: light-dark(#dde0e6, #333844); --link: light-dark(#1257b8, #86b6ff);
  --get: light-dark(#146c43, #6fd3a3); --post: light-dark(#1257b8, #86b6ff); --delete: light-dark(#a8261c, #ff9a91);
}
* { box-sizing: border-box }
html { scroll-padding-top: 1rem }
body {
  margin: 0; font: 15px/1.55 system-ui, sans-serif; color: var(--text); background: var(--page);
  overflow-wrap: break-word;
}
a { color: var(--link); text-decoration: none }
a:hover, a:focus-visible { text-decoration: underline }
code, pre { font-family: ui-monospace, Menlo, Consolas, monospace; font-size: .87em }
h1 { margin: 0; font-size: 1.6rem } h1 small { font-size: .95rem; font-weight: 400; color: var(--faint) }
h2 { margin: 3.5rem 0 .3rem; font-size: 1.35rem }
h3 { margin: 0; font-size: 1.02rem; overflow-wrap: anywhere } h3 code { font-size: 1em }
h4 {
  margin: 1.3rem 0 .2rem; font-size: .76rem; letter-spacing: .06em; text-transform: uppercase; color: var(--faint)
}
p { margin: .35rem 0 }
main { max-width: 58rem; padding: 2rem 1.5rem 6rem; margin: 0 auto; min-width: 0 }
nav a { display: flex; gap: .6rem; align-items: baseline; padding: .14rem 0; color: var(--text) }
nav a code { overflow-wrap: anywhere } nav strong { display: block; margin: 1rem 0 .2rem; font-size: .85rem }
.side { display: none }
.routes { border: 1px solid var(--line); border-radius: .6rem; padding: .6rem 1rem; margin-top: 1.2rem }
article, .type {
  margin-top: 1.2rem; padding: 1rem 1.2rem 1.2rem; border: 1px solid var(--line); border-radius: .7rem
}
.method {
  display: inline-block; min-width: 2.7rem; font: 600 .68rem/1.4 ui-monospace, monospace; text-transform: uppercase
}
h3 .method { min-width: 0; margin-right: .5rem; font-size: .8rem }
.get { color: var(--get) } .post { color: var(--post) } .delete { color: var(--delete) }
.fields { margin: .2rem 0 0; padding: 0; list-style: none }
.fields > li {
  display: grid; grid-template-columns: minmax(9rem, 15rem) 1fr; gap: 0 1rem;
  padding: .42rem 0; border-top: 1px solid var(--line)
}
.fields > li:first-child { border-top: 0 }
.name { overflow-wrap: anywhere } .name b { font-weight: 600 } .fields .name code { font-size: .9em }
.must { color: var(--delete) } .kind { color: var(--faint); font-size: .9em } .kind code { color: var(--text) }
.about { grid-column: 2 }
details > summary { cursor: pointer; color: var(--link); width: fit-content }
details > summary:hover { text-decoration: underline }
.inner { grid-column: 1 / -1; margin: .3rem 0 .2rem; padding-left: 1rem; border-left: 2px solid var(--line) }
pre {
  margin: .4rem 0; padding: .8rem 1rem; background: var(--raised); border-radius: .5rem; overflow-x: auto;
  line-height: 1.45
}
:target { border-color: var(--link); outline: 1px solid var(--link); outline-offset: .3rem; border-radius: .3rem }
footer { margin-top: 4rem; color: var(--faint) }
@media (min-width: 66rem) {
  body { display: grid; grid-template-columns: 19rem 1fr }
  .side {
    display: block; position: sticky; top: 0; height: 100vh; overflow-y: auto; padding: 1.6rem 1.2rem;
    background: var(--raised); border-right: 1px solid var(--line); font-size: .88rem
  }
  .routes { display: none }
}
@media (max-width: 40rem) {
  main { padding: 1.2rem .9rem 4rem } article, .type { padding: .8rem .9rem 1rem }
  .fields > li { display: block } .inner { padding-left: .7rem } h2 { margin-top: 2.6rem }
}
@media print { .side, .routes { display: none } body { display: block } article { break-inside: avoid-page } }
"""
