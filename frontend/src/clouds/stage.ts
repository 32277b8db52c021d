/** The area that shows a scene: what pointers, wheel and keys do there. */
import type { Eye, Place } from "./eye";

/** What works with pointers in the scene. Places are the stage's pixels. */
export interface StageHand {
  /** A pointer goes down. @returns whether it holds something; if not, it turns the scene */
  down(at: Place, event: PointerEvent): boolean;
  move(at: Place, event: PointerEvent): void;
  up(at: Place): void;
  cancel(): void;
  /** A pointer went down and up again, and held nothing. */
  click(at: Place, event: PointerEvent): void;
  /** A pointer is somewhere, or nowhere. */
  hover(at: Place | undefined): void;
}

/** A pointer that moves less has clicked. */
const CLICK = 4;
const ORBIT = 0.006;
const WHEEL = 0.0015;
const ZOOM = 1.25;
const KEY_PAN = 40;
const KEY_ORBIT = Math.PI / 24;
/** The directions of the keys, on the screen. */
const WAYS: Record<string, readonly [number, number]> = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, -1],
  ArrowDown: [0, 1],
};

export class Stage {
  readonly #pointers = new Map<number, Place>();
  #element: HTMLElement | undefined;
  #start: Place | undefined;
  /** The pointer that does something, and what. */
  #does: "hold" | "orbit" | "pan" | undefined;
  #wentFar = false;
  readonly #resized = new ResizeObserver(() => this.#measure());

  constructor(
    private readonly eye: Eye,
    private readonly hand: () => StageHand,
    /** The view has changed. */
    private readonly moved: () => void,
    private readonly resized: (width: number, height: number) => void,
    /** Go to what is at a place. */
    private readonly fly: (at: Place) => void,
  ) {}

  attach(element: HTMLElement): void {
    if (this.#element !== element) {
      this.#element = element;
      element.addEventListener("pointerdown", (event) => this.#down(event));
      element.addEventListener("pointermove", (event) => this.#move(event));
      element.addEventListener("pointerup", (event) => this.#up(event));
      element.addEventListener("pointercancel", (event) => this.#gone(event));
      element.addEventListener("pointerleave", () => this.hand().hover(undefined));
      element.addEventListener("contextmenu", (event) => event.preventDefault());
      element.addEventListener("wheel", (event) => this.#wheel(event), { passive: false });
      element.addEventListener("dblclick", (event) => !isControl(event) && this.fly(this.#at(event)));
    }
    this.#resized.observe(element);
  }

  detach(): void {
    this.#resized.disconnect();
    this.#letGo();
  }

  zoom(factor: number, at?: Place): void {
    this.eye.zoom(factor, at);
    this.moved();
  }

  /** Move what one sees by steps of the keyboard. */
  pan(across: number, down: number): void {
    this.eye.pan(-across * KEY_PAN, -down * KEY_PAN);
    this.moved();
  }

  orbit(across: number, down: number): void {
    this.eye.orbit(-across * KEY_ORBIT, down * KEY_ORBIT);
    this.moved();
  }

  /** The direction of an arrow key. */
  static way(key: string): readonly [number, number] | undefined {
    return WAYS[key];
  }

  #measure(): void {
    const { clientWidth, clientHeight } = this.#element ?? {};
    if (clientWidth && clientHeight) this.resized(clientWidth, clientHeight);
  }

  #at(event: MouseEvent): Place {
    const around = this.#element?.getBoundingClientRect();
    return [event.clientX - (around?.left ?? 0), event.clientY - (around?.top ?? 0)];
  }

  #down(event: PointerEvent): void {
    if (isControl(event)) return;
    const at = this.#at(event);
    this.#pointers.set(event.pointerId, at);
    this.#element?.setPointerCapture(event.pointerId);
    this.#element?.focus({ preventScroll: true });
    if (this.#pointers.size > 1) {
      // Two fingers move the scene, whatever the first one held.
      if (this.#does === "hold") this.hand().cancel();
      this.#does = undefined;
      this.#start = undefined;
      return;
    }
    this.#start = at;
    this.#wentFar = false;
    if (event.button > 0) this.#does = "pan";
    else this.#does = this.hand().down(at, event) ? "hold" : "orbit";
  }

  #move(event: PointerEvent): void {
    const at = this.#at(event);
    const before = this.#pointers.get(event.pointerId);
    if (!before) {
      if (!isControl(event)) this.hand().hover(at);
      return;
    }
    if (this.#pointers.size > 1) {
      this.#pinch(event.pointerId, at);
      return;
    }
    this.#pointers.set(event.pointerId, at);
    const start = this.#start ?? at;
    this.#wentFar ||= Math.hypot(at[0] - start[0], at[1] - start[1]) > CLICK;
    if (this.#does === "hold") {
      this.hand().move(at, event);
      return;
    }
    if (!this.#wentFar || !this.#does) return;
    const [across, down] = [at[0] - before[0], at[1] - before[1]];
    if (this.#does === "orbit") this.eye.orbit(across * ORBIT, down * ORBIT);
    else this.eye.pan(across, down);
    this.moved();
  }

  #pinch(id: number, at: Place): void {
    const before = [...this.#pointers.values()];
    this.#pointers.set(id, at);
    const after = [...this.#pointers.values()];
    const [start, end, first, second] = [before[0], before[1], after[0], after[1]];
    if (!start || !end || !first || !second) return;
    const apart = (a: Place, b: Place) => Math.max(Math.hypot(a[0] - b[0], a[1] - b[1]), 1);
    const middle = (a: Place, b: Place): Place => [(a[0] + b[0]) / 2, (a[1] + b[1]) / 2];
    const [from, to] = [middle(start, end), middle(first, second)];
    this.eye.pan(to[0] - from[0], to[1] - from[1]);
    this.eye.zoom(apart(first, second) / apart(start, end), to);
    this.moved();
  }

  #up(event: PointerEvent): void {
    if (!this.#pointers.delete(event.pointerId)) return;
    const at = this.#at(event);
    const does = this.#does;
    this.#does = undefined;
    if (does === "hold") this.hand().up(at);
    else if (does === "orbit" && !this.#wentFar) this.hand().click(at, event);
  }

  #gone(event: PointerEvent): void {
    this.#pointers.delete(event.pointerId);
    if (this.#does === "hold") this.hand().cancel();
    this.#does = undefined;
  }

  #letGo(): void {
    if (this.#does === "hold") this.hand().cancel();
    this.#does = undefined;
    this.#pointers.clear();
  }

  #wheel(event: WheelEvent): void {
    event.preventDefault();
    const lines = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? 30 : 1;
    this.zoom(Math.exp(-event.deltaY * lines * WHEEL), this.#at(event));
  }

  zoomIn(): void {
    this.zoom(ZOOM);
  }

  zoomOut(): void {
    this.zoom(1 / ZOOM);
  }
}

/** Whether something over the stage was meant. */
function isControl(event: Event): boolean {
  return event.composedPath().some((target) => target instanceof HTMLButtonElement);
}
