/** The report's looks: the reader's own scheme, light or dark, from a phone's width on. */
export const reportStyle = `
:root{color-scheme:light dark;--ink:#1c2430;--soft:#56606e;--line:#d9dee5;--paper:#fff;--card:#f4f6f9;--main:#0b63ce;--dots:#c2410c;--learned:#cdebd3;--warn:#8a4b00;--warnbg:#fff3dc}
@media(prefers-color-scheme:dark){:root{--ink:#e6e9ee;--soft:#a0abb9;--line:#333c48;--paper:#12161c;--card:#1b212a;--main:#6cb0ff;--dots:#ff9a5c;--learned:#1f5230;--warn:#ffc46b;--warnbg:#332612}}
*{box-sizing:border-box}body{margin:0 auto;max-width:58rem;padding:1.2rem;background:var(--paper);color:var(--ink);font:16px/1.5 system-ui,sans-serif}
h1{font-size:1.45rem;line-height:1.25;margin:.2rem 0;overflow-wrap:anywhere}h2{font-size:1.1rem;margin:2.2rem 0 .5rem;padding-top:.6rem;border-top:1px solid var(--line)}p{margin:.4rem 0}
.facts{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(10.5rem,45%),1fr));gap:.6rem;margin:1rem 0}
.facts div{background:var(--card);border-radius:.5rem;padding:.5rem .7rem}.facts b{display:block;font-size:1.15rem;font-variant-numeric:tabular-nums}.facts span,figcaption .legend,.scale,.steps,dt,.sample h4,.soft{color:var(--soft);font-size:.85rem}
figure{margin:1.2rem 0}figcaption{font-weight:600;margin-bottom:.8rem}.legend{font-weight:400}.key{margin-left:.6rem;white-space:nowrap}.key:before{content:"";display:inline-block;width:.9rem;height:.2rem;margin-right:.3rem;vertical-align:middle;background:var(--main);border-radius:1rem}
.key.faint:before{opacity:.4}.key.other:before{background:var(--dots)}.key.dots:before{background:var(--dots);width:.5rem;height:.5rem}
.pair{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(20rem,100%),1fr));column-gap:1.6rem}.pair svg{height:8rem}
.plot{display:grid;grid-template-columns:auto 1fr;column-gap:.4rem}.scale{display:flex;flex-direction:column;justify-content:space-between;text-align:right;margin:-.65rem 0;font-variant-numeric:tabular-nums}
svg{display:block;width:100%;height:14rem;overflow:visible}svg path{fill:none;vector-effect:non-scaling-stroke;stroke-linecap:round;stroke-linejoin:round}
.grid{stroke:var(--line);stroke-width:1}svg .faint{stroke:var(--main);stroke-width:1;opacity:.4}svg .main{stroke:var(--main);stroke-width:2.2}svg .other{stroke:var(--dots);stroke-width:2.2}svg .dots{stroke:var(--dots);stroke-width:9}
.steps{grid-column:2;display:flex;justify-content:space-between;margin-top:.3rem}
pre,.text{background:var(--card);border-radius:.5rem;padding:.7rem;margin:.4rem 0;font:.82rem/1.5 ui-monospace,monospace;white-space:pre-wrap;overflow-wrap:anywhere;max-height:24rem;overflow-y:auto}
mark{background:var(--learned);color:inherit;border-radius:.2rem;padding:.1rem 0}.token{border-right:1px dotted var(--soft)}
ul{margin:.4rem 0;padding-left:1.2rem}li.warn{color:var(--warn);background:var(--warnbg);border-radius:.3rem;padding:.1rem .4rem;margin-left:-.4rem}
.sample{margin:1rem 0 1.6rem}.sample h4{font-weight:600;margin:.3rem 0 0}.sample .text{margin:.2rem 0}.answers{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(15rem,100%),1fr));gap:0 .8rem}.answers .after{border-left:.25rem solid var(--main)}
dl{display:grid;grid-template-columns:minmax(7rem,auto) 1fr;gap:.2rem .8rem;margin:.4rem 0}dd{margin:0;overflow-wrap:anywhere}summary{cursor:pointer;font-weight:600;margin:.6rem 0}
table{border-collapse:collapse;font-variant-numeric:tabular-nums;margin:.4rem 0}td,th{padding:.15rem .8rem .15rem 0;text-align:left;font-weight:400;vertical-align:top}td:nth-child(2){text-align:right;white-space:nowrap}th{color:var(--soft);font-size:.85rem}
.outcome{width:100%}.outcome td{border-top:1px solid var(--line)}.outcome td:nth-child(2){text-align:left}.whole{white-space:nowrap}.apart .token{margin-right:.3rem}
@media(max-width:44rem){.outcome tr{display:grid;grid-template-columns:1fr 1fr 1.2fr;padding:.3rem 0}.outcome td:first-child,.outcome th:first-child{grid-column:1/-1}.outcome td{border:0;white-space:normal}.outcome tr:not(:first-child){border-top:1px solid var(--line)}}`;
