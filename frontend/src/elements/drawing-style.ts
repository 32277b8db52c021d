/** How the elements that draw look. */
import { css } from "lit";

export const drawingStyle = css`
  .drawing { display: grid; grid-template: "labels board" auto "objects board" 1fr / 15rem minmax(0, 1fr); gap: .5rem 1rem; }
  .category-picker-wrapper { grid-area: labels; margin: 0; min-width: 0; }
  .board { grid-area: board; min-width: 0; }
  .objects { grid-area: objects; min-width: 0; }
  h3 { margin: 0 0 .4rem; font-size: .95rem; }
  .labels { display: flex; flex-direction: column; gap: .3rem; max-height: 36vh; overflow: auto; padding: 3px; }
  .labels button { display: flex; align-items: center; gap: .45rem; text-align: start; flex: none; }
  .labels span { flex: 1; min-width: 0; }
  .labels button[aria-pressed=true] { background: var(--crowd-chosen); border-color: var(--labeling-accent); box-shadow: inset 0 0 0 1px var(--labeling-accent); }
  i { width: .9rem; height: .9rem; border-radius: .25rem; flex: none; border: 1px solid var(--crowd-control-line); }
  i.dashed { border: 2px dashed var(--labeling-text); }
  .find { width: 100%; margin-bottom: .4rem; }
  .stage {
    position: relative; overflow: hidden; width: 100%; max-height: min(68vh, 46rem); min-height: 14rem; border: 1px solid var(--labeling-line); border-radius: .5rem;
    background: repeating-conic-gradient(light-dark(#f4f4f5, #1c1c1f) 0 25%, light-dark(#fff, #111) 0 50%) 0 0 / 20px 20px;
    cursor: grab; user-select: none; -webkit-user-select: none;
  }
  .stage.draws { cursor: crosshair; }
  .stage[data-does=move] { cursor: move; }
  .stage[data-does=reshape] { cursor: nwse-resize; }
  .stage.moves { cursor: grab; }
  .picture { position: absolute; inset: 0; overflow: hidden; }
  .subject {
    position: absolute; left: 0; top: 0; max-width: none; max-height: none; transform-origin: 0 0;
    image-orientation: none; pointer-events: none; -webkit-user-drag: none;
  }
  .given { display: none; image-orientation: none; }
  canvas { position: absolute; inset: 0; width: 100%; height: 100%; pointer-events: none; }
  .state { position: absolute; inset: 0; display: grid; place-content: center; gap: .6rem; padding: 1rem; text-align: center; background: var(--labeling-soft); }
  .tools { display: flex; flex-wrap: wrap; gap: .4rem .8rem; align-items: center; margin-top: .4rem; }
  .tools label, .nothing { display: flex; gap: .4rem; align-items: center; font-size: .9rem; min-height: 2rem; }
  .tools input[type=range] { width: 6rem; }
  .paint { margin: 0 0 .4rem; }
  .group { display: flex; flex-wrap: wrap; gap: .3rem; }
  .group button, .acts button { display: inline-flex; align-items: center; gap: .4rem; }
  .group button[aria-pressed=true] { background: var(--crowd-chosen); border-color: var(--labeling-accent); box-shadow: inset 0 0 0 1px var(--labeling-accent); }
  .width { min-width: 4em; }
  .labels svg { width: 1.1rem; height: 1.1rem; flex: none; fill: currentColor; }
  .relabel { display: block; margin-top: .5rem; font-size: .9rem; }
  .relabel select { width: 100%; margin-top: .2rem; }
  .percent { min-width: 3.5em; }
  .help { font-size: .9rem; margin: .3rem 0; }
  [role=status].help { min-height: 1.5em; }
  .acts { display: flex; flex-wrap: wrap; gap: .4rem; margin-bottom: .4rem; font-size: .9rem; }
  ul { margin: 0; padding: 0; list-style: none; max-height: 32vh; overflow: auto; }
  li { display: flex; align-items: center; gap: .15rem; border-radius: .35rem; }
  li.chosen { background: var(--crowd-chosen); }
  li button { border-color: transparent; background: none; min-height: 2rem; }
  .pick { display: flex; align-items: center; gap: .4rem; flex: 1; min-width: 0; padding: .2rem .4rem; text-align: start; font-size: .9rem; }
  .pick span { min-width: 0; overflow: hidden; text-overflow: ellipsis; display: -webkit-box; -webkit-line-clamp: 2; -webkit-box-orient: vertical; }
  .icon { flex: none; width: 2rem; padding: .3rem; line-height: 0; }
  .icon svg { width: 1.2rem; height: 1.2rem; fill: currentColor; }
  @media (max-width: 45rem) {
    .drawing { grid-template: "labels" auto "board" auto "objects" auto / minmax(0, 1fr); }
    .labels { flex-flow: row wrap; max-height: 22vh; }
    .labels span { flex: none; max-width: 60vw; }
  }
`;
