/** Beside the report's looks: points, their marks, wide tables. */
export const pageStyle = `
:root{--c0:#0b63ce;--c1:#c2410c;--c2:#15803d;--c3:#7e22ce;--c4:#0e7490;--c5:#be185d;--c6:#854d0e;--c7:#475569}
@media(prefers-color-scheme:dark){:root{--c0:#6cb0ff;--c1:#ff9a5c;--c2:#6ee787;--c3:#cf9bff;--c4:#5fd4e6;--c5:#ff8fc0;--c6:#e6b84f;--c7:#aab6c6}}
.c0{--own:var(--c0)}.c1{--own:var(--c1)}.c2{--own:var(--c2)}.c3{--own:var(--c3)}.c4{--own:var(--c4)}.c5{--own:var(--c5)}.c6{--own:var(--c6)}.c7{--own:var(--c7)}
.field{position:relative}.pair .field svg{height:16rem}.pair .plot{margin-right:.8rem}.bars{stroke:var(--own);stroke-width:1.5;opacity:.55}svg .runs{stroke:var(--own);stroke-width:6;opacity:.45}
.mark{display:inline-flex;align-items:center;justify-content:center;min-width:1.55rem;height:1.55rem;padding:0 .3rem;border:2px solid var(--own);border-radius:1rem;background:var(--paper);color:var(--own);font-size:.8rem;line-height:1}
.mark.front{background:var(--own);color:var(--paper)}.field .mark{position:absolute;transform:translate(-50%,-50%)}
.xscale{grid-column:2;position:relative;height:1.3rem;color:var(--soft);font-size:.85rem}.xscale span{position:absolute;transform:translateX(-50%);margin-top:.2rem}
.xname{grid-column:2;text-align:center}.yname{margin-bottom:.9rem}.yname,.xname{color:var(--soft);font-size:.85rem}
.wide{overflow-x:auto}.wide td,.wide th{white-space:nowrap;text-align:left;padding-right:1.1rem}.wide td small{display:block;color:var(--soft)}.wide td.none{color:var(--soft)}.wide tr.failed td{white-space:normal;color:var(--warn)}
.wide .sure{font-weight:600}a{color:var(--main)}td.name{min-width:9rem;max-width:16rem;white-space:normal!important;overflow-wrap:anywhere}`;
