/** The script of the page for clouds of points: its element, and what joins the page to the portal. */
import "../elements/furniture";
import "./point-clouds";
import { begin } from "../begin";

begin();
