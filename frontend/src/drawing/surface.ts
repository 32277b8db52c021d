/** The picture and the canvases over it, and what pointers, wheel and keys do there. */
import type { Edges } from "./edges";
import { distance, type Point, type Size } from "./plane-geometry";
import type { View } from "./view";

/** What pointers and keys work with; all places are the picture's own pixels. */
export interface Hand {
  size: Size;
  /** The label of what will be drawn. */
  label: string | undefined;
  /** Where the pointer or the keyboard is. */
  cursor: Point | undefined;
  /** What points snap to, if they do. */
  edges: Edges | undefined;
  readonly isHeld: boolean;
  /** Whether the pen is turned over, in a hand that can rub something out. */
  isTurned?: boolean;
  /** Whether all places that a pointer passed count, not only the last one of a frame. */
  readonly followsAll: boolean;
  /** Where the keyboard goes on. */
  readonly end: Point | undefined;
  /** The part of the selected object that must be visible. */
  readonly seen: Point | undefined;
  /** The pointer goes down. @returns whether it holds something; else it moves the picture */
  down(at: Point, reach: number, grabs: boolean): boolean;
  /** @param far how far it has to go to be a move rather than a click */
  move(at: Point, far: number): void;
  up(at: Point, reach: number): void;
  cancel(): void;
  /** A click that held nothing. */
  miss(): void;
  /** What the pointer would take hold of. */
  hover(at: Point, reach: number, grabs: boolean): { does: string; shape?: number } | undefined;
  /** Space, and Enter. */
  press(at: Point, reach: number): void;
  enter(at: Point, reach: number): void;
  /** Backspace. @returns whether there was something to take back */
  takeBack(): boolean;
  /** Move what is selected. @returns whether there is something */
  nudge(x: number, y: number): boolean;
  /** The keyboard moves the cursor. */
  keyTo(at: Point): void;
}

/** What shows it. */
export interface StagePainter {
  /** The shape under the pointer. */
  hovered: number | undefined;
  showsCrosshair: boolean;
  /** Whether the cursor is on the picture. */
  showsCursor: boolean;
  /** What nobody touches. */
  paintResting(canvas: HTMLCanvasElement): void;
  /** What is selected, drawn or pointed at. */
  paintActive(canvas: HTMLCanvasElement, reach: number): void;
}

/** How near a pointer has to be, in pixels of the screen. */
const REACH = { mouse: 8, pen: 12, touch: 22 } as const;
/** The bit of a pen's other end among the buttons that are down. */
const ERASER = 32;
/** A pointer that moves less has clicked. */
const CLICK = 4;
const ARROWS: Record<string, Point> = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, -1],
  ArrowDown: [0, 1],
};
/** How far the arrow keys move the crosshair, in pixels of the screen. */
const KEY_STEP = 10;

export class Surface {
  /** Whether a pointer moves the picture and does nothing else. */
  movesPicture = false;
  #element: HTMLElement | undefined;
  #resting: HTMLCanvasElement | undefined;
  #active: HTMLCanvasElement | undefined;
  #picture: HTMLElement | undefined;
  readonly #pointers = new Map<number, Point>();
  #panning: number | undefined;
  #wentFar = false;
  #penSeen = false;
  /** The pen that is down. */
  #pen: number | undefined;
  #frame: number | undefined;
  #all = true;
  #reach: number = REACH.mouse;
  readonly #resized = new ResizeObserver(() => this.#measure());

  constructor(
    private readonly hand: Hand,
    private readonly view: View,
    private readonly painter: StagePainter,
    /** Something has changed besides what is painted. */
    private readonly update: () => void,
  ) {}

  /** Join it to its elements: the stage, the picture and the canvases in it. */
  attach(stage: HTMLElement): void {
    if (this.#element === stage) return;
    this.#element = stage;
    this.#picture = stage.querySelector<HTMLElement>(".subject") ?? undefined;
    this.#resting = stage.querySelector<HTMLCanvasElement>(".lower-canvas") ?? undefined;
    this.#active = stage.querySelector<HTMLCanvasElement>(".upper-canvas") ?? undefined;
    stage.addEventListener("pointerdown", (event) => this.#down(event));
    stage.addEventListener("pointermove", (event) => this.#move(event));
    stage.addEventListener("pointerup", (event) => this.#up(event));
    stage.addEventListener("pointercancel", (event) => this.#gone(event));
    stage.addEventListener("pointerleave", () => this.#left());
    stage.addEventListener("wheel", (event) => this.#wheel(event), { passive: false });
    stage.addEventListener("keydown", (event) => this.#key(event));
    stage.addEventListener("blur", () => this.#left());
    this.observe();
  }

  observe(): void {
    if (this.#element) this.#resized.observe(this.#element);
  }

  detach(): void {
    this.#resized.disconnect();
    // Once removed, it no longer hears that a finger is lifted.
    this.#letGo();
  }

  /** Another picture is there. */
  show(size: Size): void {
    this.hand.size = size;
    this.#measure();
    this.view.show(size);
    this.draw();
    this.update();
  }

  /** Zoom around a point of the stage, or its middle. */
  zoomBy(factor: number, at?: Point): void {
    this.view.zoomBy(factor, at);
    this.draw();
    this.update();
  }

  fit(): void {
    this.view.fit();
    this.draw();
    this.update();
  }

  /** Bring what is selected into view. */
  reveal(): void {
    const { seen } = this.hand;
    if (seen) this.view.reveal(seen);
    this.draw();
  }

  /** Paint soon. @param all also what is at rest */
  draw(all = true): void {
    this.#all ||= all;
    this.#frame ??= requestAnimationFrame(() => {
      this.#frame = undefined;
      this.#paint();
    });
  }

  #paint(): void {
    if (!this.#resting || !this.#active || !this.#picture) return;
    if (this.#all) {
      const { scale, x, y } = this.view;
      this.#picture.style.transform = `translate(${x}px, ${y}px) scale(${scale})`;
      this.#picture.style.imageRendering = scale * window.devicePixelRatio > 3 ? "pixelated" : "";
      this.painter.paintResting(this.#resting);
    }
    this.painter.paintActive(this.#active, this.#reach / this.view.scale);
    this.#all = false;
  }

  #measure(): void {
    const { clientWidth, clientHeight } = this.#element ?? {};
    if (!clientWidth || !clientHeight) return;
    this.view.resize({ width: clientWidth, height: clientHeight });
    this.draw();
  }

  #at(event: MouseEvent): Point {
    const around = this.#element?.getBoundingClientRect();
    const { clientLeft = 0, clientTop = 0 } = this.#element ?? {};
    return [event.clientX - (around?.left ?? 0) - clientLeft, event.clientY - (around?.top ?? 0) - clientTop];
  }

  #down(event: PointerEvent): void {
    const { hand } = this;
    const isTurned = (event.buttons & ERASER) > 0 && hand.isTurned !== undefined;
    if ((event.button > 1 && !isTurned) || hand.size.width === 0 || isControl(event)) return;
    // The hand that holds the pen lies on the screen.
    if (event.pointerType === "touch" && this.#pen !== undefined) return;
    if (event.pointerType === "pen") {
      if (this.#pointers.size > 0) this.#letGo();
      this.#pen = event.pointerId;
      this.#penSeen = true;
    }
    if (isTurned) hand.isTurned = true;
    const at = this.#at(event);
    this.#pointers.set(event.pointerId, at);
    this.#wentFar = false;
    this.#reach = REACH[event.pointerType as keyof typeof REACH] ?? REACH.mouse;
    if (this.#pointers.size > 1) {
      // A second finger: both move and zoom the picture.
      hand.cancel();
      this.#panning = undefined;
      this.#capture();
    } else {
      // People with a pen draw with it alone.
      const pans = this.movesPicture || event.button === 1 || (event.pointerType === "touch" && this.#penSeen);
      const grabs = event.ctrlKey || event.metaKey;
      const holds = !pans && hand.down(this.view.toPicture(...at), this.#reach / this.view.scale, grabs);
      this.#panning = holds ? undefined : event.pointerId;
      if (holds || pans || this.view.zoom > 1 || event.pointerType !== "touch") this.#capture();
    }
    if (event.button === 1) event.preventDefault();
    this.painter.hovered = undefined;
    this.draw();
    this.update();
  }

  #capture(): void {
    for (const id of this.#pointers.keys()) this.#element?.setPointerCapture(id);
  }

  #move(event: PointerEvent): void {
    const at = this.#at(event);
    const before = this.#pointers.get(event.pointerId);
    if (!before) {
      this.#hover(event, at);
      return;
    }
    const [other] = [...this.#pointers].filter(([id]) => id !== event.pointerId).map(([, where]) => where);
    if (other) {
      const middle = (point: Point): Point => [(point[0] + other[0]) / 2, (point[1] + other[1]) / 2];
      // Zoomed first: a picture that just fits can't be moved.
      this.view.zoomBy((distance(at, other) || 1) / (distance(before, other) || 1), middle(before));
      this.view.moveBy(middle(at)[0] - middle(before)[0], middle(at)[1] - middle(before)[1]);
      this.#wentFar = true;
    } else if (this.#panning === event.pointerId) {
      this.#wentFar ||= distance(before, at) > CLICK;
      if (!this.#wentFar) return;
      this.view.moveBy(at[0] - before[0], at[1] - before[1]);
    } else {
      // Not every browser reports these, and none does on a page without https.
      const passed = (this.hand.followsAll && event.getCoalescedEvents?.()) || [];
      for (const move of passed.length > 0 ? passed : [event])
        this.hand.move(this.view.toPicture(...this.#at(move)), CLICK / this.view.scale);
      this.painter.showsCursor = event.pointerType !== "touch";
      this.draw(false);
      return;
    }
    this.#pointers.set(event.pointerId, at);
    this.draw();
    // The zoom is shown in words; the position is only painted.
    if (other) this.update();
  }

  #hover(event: PointerEvent, at: Point): void {
    if (event.pointerType === "touch" || this.hand.size.width === 0 || !this.#element) return;
    const point = this.view.toPicture(...at);
    const reach = REACH.mouse / this.view.scale;
    this.hand.cursor = point;
    this.painter.showsCursor = !isControl(event);
    const grabs = event.ctrlKey || event.metaKey;
    const hovered = this.movesPicture ? undefined : this.hand.hover(point, reach, grabs);
    this.painter.hovered = hovered?.does === "move" ? hovered.shape : undefined;
    this.#element.dataset.does = hovered?.does ?? "";
    this.draw(false);
  }

  #up(event: PointerEvent): void {
    if (!this.#pointers.delete(event.pointerId)) return;
    if (this.#pen === event.pointerId) this.#pen = undefined;
    const point = this.view.toPicture(...this.#at(event));
    if (this.#panning === event.pointerId) {
      if (!this.#wentFar && event.button === 0 && !this.movesPicture) this.hand.miss();
      this.#panning = undefined;
    } else if (this.hand.isHeld) {
      this.hand.up(point, this.#reach / this.view.scale);
    }
    this.#turnBack();
    if (event.pointerType === "touch") this.painter.showsCursor = false;
    this.draw();
    this.update();
  }

  #gone(event: PointerEvent): void {
    if (!this.#pointers.delete(event.pointerId)) return;
    if (this.#pen === event.pointerId) this.#pen = undefined;
    this.#panning = undefined;
    this.hand.cancel();
    this.#turnBack();
    this.draw();
  }

  /** No pointer holds anything any more. */
  #letGo(): void {
    this.#pointers.clear();
    this.#pen = undefined;
    this.#panning = undefined;
    this.hand.cancel();
    this.#turnBack();
  }

  #turnBack(): void {
    if (this.hand.isTurned) this.hand.isTurned = false;
  }

  #left(): void {
    this.painter.showsCursor = false;
    this.painter.hovered = undefined;
    this.draw(false);
  }

  #wheel(event: WheelEvent): void {
    // The page scrolls as everywhere, until somebody works on the picture.
    const works = this.view.zoom > 1 || this.#element?.matches(":focus");
    if (!event.ctrlKey && !works) return;
    event.preventDefault();
    const lines = event.deltaMode === WheelEvent.DOM_DELTA_PIXEL ? 1 : 30;
    this.zoomBy(Math.exp(-event.deltaY * lines * (event.ctrlKey ? 0.01 : 0.002)), this.#at(event));
  }

  #key(event: KeyboardEvent): void {
    const { hand, view } = this;
    if (event.ctrlKey || event.metaKey || hand.size.width === 0 || isControl(event)) return;
    const reach = CLICK / view.scale;
    const arrow = ARROWS[event.key];
    if (arrow) {
      this.#arrow(arrow, event.shiftKey, event.altKey);
    } else if (event.key === " ") {
      // A key that is held down is pressed once.
      if (!event.repeat) hand.press(this.#keyCursor(), reach);
    } else if (event.key === "Enter") {
      hand.enter(this.#keyCursor(), reach);
    } else if (event.key === "Backspace") {
      if (!hand.takeBack()) return;
    } else {
      return;
    }
    event.preventDefault();
    this.draw();
    this.update();
  }

  #arrow([x, y]: Point, fast: boolean, fine: boolean): void {
    const { hand, view } = this;
    const step = fast ? 10 : 1;
    if (hand.nudge(x * step, y * step)) {
      this.reveal();
      return;
    }
    const far = fine ? 1 : Math.max(Math.round((KEY_STEP * (fast ? 5 : 1)) / view.scale), 1);
    const from = this.#keyCursor();
    const { width, height } = hand.size;
    const inside = (value: number, most: number) => Math.min(Math.max(Math.round(value), 0), most);
    hand.keyTo([inside(from[0] + x * far, width), inside(from[1] + y * far, height)]);
    if (hand.cursor) view.reveal(hand.cursor);
  }

  /** The cursor of the keyboard: starts from the crosshair, from what is being drawn, or from the middle of the view. */
  #keyCursor(): Point {
    const { hand, view, painter } = this;
    const seen = painter.showsCursor ? hand.cursor : undefined;
    const [x, y] = seen ?? hand.end ?? view.toPicture(view.area.width / 2, view.area.height / 2);
    const at: Point = [Math.round(x), Math.round(y)];
    hand.cursor = at;
    painter.showsCursor = true;
    return at;
  }
}

function isControl(event: Event): boolean {
  return event.composedPath().some((target) => target instanceof HTMLButtonElement);
}
