/** Line icons on a grid of 24. */

const PATHS = {
  search: ["M11 4a7 7 0 1 0 0 14a7 7 0 0 0 0-14z", "M20 20l-4-4"],
  picture: ["M4 5h16v14H4z", "M4 16l5-5 4 4 3-3 4 4", "M15.5 9h.01"],
  close: ["M6 6l12 12", "M18 6L6 18"],
  filters: ["M4 7h10", "M18 7h2", "M16 5v4", "M4 17h2", "M10 17h10", "M8 15v4"],
  map: ["M5 6h.01", "M9 10h.01", "M7 15h.01", "M14 7h.01", "M18 5h.01", "M16 12h.01", "M13 17h.01", "M19 18h.01", "M11 13h.01"],
  sun: ["M12 8a4 4 0 1 0 0 8a4 4 0 0 0 0-8z", "M12 3v1", "M12 20v1", "M3 12h1", "M20 12h1", "M5.6 5.6l.7.7", "M17.7 17.7l.7.7", "M5.6 18.4l.7-.7", "M17.7 6.3l.7-.7"],
  moon: ["M20 14.5A8 8 0 0 1 9.5 4a8 8 0 1 0 10.500 10.500z"],
  half: ["M12 4a8 8 0 1 0 0 16a8 8 0 0 0 0-16z", "M12 4v16", "M15 6v12", "M18 8v8"],
  help: ["M12 4a8 8 0 1 0 0 16a8 8 0 0 0 0-16z", "M9.700 9.500a2.400 2.400 0 1 1 3.600 2.100c-.9.500-1.300 1-1.300 1.900", "M12 16.500h.01"],
  activity: ["M4 13h3l3-7 4 12 3-7h3"],
  similar: ["M4 4h10v10H4z", "M17 10h3v10H10v-3"],
  plus: ["M12 5v14", "M5 12h14"],
  minus: ["M5 12h14"],
  left: ["M15 5l-7 7 7 7"],
  right: ["M9 5l7 7-7 7"],
  external: ["M14 5h5v5", "M19 5l-8 8", "M18 14v5H5V6h5"],
  whole: ["M5 9V5h4", "M15 5h4v4", "M19 15v4h-4", "M9 19H5v-4"],
};

const SVG = "http://www.w3.org/2000/svg";

/** The icon as an element that screen readers pass over. */
export function icon(name) {
  const drawn = document.createElementNS(SVG, "svg");
  drawn.setAttribute("viewBox", "0 0 24 24");
  drawn.setAttribute("class", "icon");
  drawn.setAttribute("aria-hidden", "true");
  for (const path of PATHS[name]) {
    const line = document.createElementNS(SVG, "path");
    line.setAttribute("d", path);
    drawn.append(line);
  }
  return drawn;
}
