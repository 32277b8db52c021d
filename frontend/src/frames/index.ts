/** The script of the page for sequences of frames: its element, and what joins the page to the portal. */
import "../elements/furniture";
import "./video-frames";
import { begin } from "../begin";

begin();
