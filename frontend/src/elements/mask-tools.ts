/** The tools of masks: their keys, their names, what they need, and how they are used. */
import type { MaskTool } from "../drawing/mask-editor";
import { canFind, type PromptKind } from "../mask-helper";
import { word } from "../words";

export const KEYS: Record<MaskTool, string> = {
  brush: "b",
  eraser: "e",
  polygon: "p",
  fill: "f",
  points: "x",
  object: "v",
  more: "m",
  less: "n",
};
export const NAMES = {
  brush: "tool_brush",
  eraser: "tool_eraser",
  polygon: "tool_polygon",
  fill: "tool_fill",
  points: "tool_points",
  object: "tool_object",
  more: "tool_more",
  less: "tool_less",
} as const;
/** What the service must be able to answer for a tool: one of these. */
const ASKS: Partial<Record<MaskTool, readonly PromptKind[]>> = {
  points: ["extreme_points"],
  object: ["points", "box"],
  more: ["points"],
  less: ["points"],
};

/** Whether a tool is available: some need the service. */
export function canUse(tool: MaskTool): boolean {
  return ASKS[tool]?.some(canFind) ?? true;
}

/** The help for a tool. */
export function helpOf(tool: MaskTool): string {
  if (tool === "points") return word("points_help");
  if (tool === "object")
    return word(!canFind("points") ? "drag_object" : canFind("box") ? "mark_object" : "click_object");
  if (tool === "more") return word("more_help");
  if (tool === "less") return word("less_help");
  return word("tool_now", { tool: word(NAMES[tool]) });
}
