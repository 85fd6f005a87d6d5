/** Line icons on a grid of 24. */

const PATHS = {
  search: ["M11 4a7 7 0 1 0 0 14a7 7 0 0 0 0-14z", "M20 20l-4-4"],
  picture: ["M4 5h16v14H4z", "M4 16l5-5 4 4 3-3 4 4", "M15.5 9h.01"],
  close: ["M6 6l12 12", "M18 6L6 18"],
  filters: ["M4 7h10", "M18 7h2", "M16 5v4", "M4 17h2", "M10 17h10", "M8 15v4"],
  globe: ["M12 4a8 8 0 1 0 0 16a8 8 0 0 0 0-16z", "M4 12h16", "M12 4c3 2.500 3 13.500 0 16", "M12 4c-3 2.500-3 13.500 0 16"],
  likeness: ["M5 6h.01", "M9 10h.01", "M7 15h.01", "M14 7h.01", "M18 5h.01", "M16 12h.01", "M13 17h.01", "M19 18h.01", "M11 13h.01"],
  sun: ["M12 8a4 4 0 1 0 0 8a4 4 0 0 0 0-8z", "M12 3v1", "M12 20v1", "M3 12h1", "M20 12h1", "M5.6 5.6l.7.7", "M17.7 17.7l.7.7", "M5.6 18.4l.7-.7", "M17.7 6.3l.7-.7"],
  moon: ["M20 14.5A8 8 0 0 1 9.5 4a8 8 0 1 0 10.500 10.500z"],
  half: ["M12 4a8 8 0 1 0 0 16a8 8 0 0 0 0-16z", "M12 4v16", "M15 6v12", "M18 8v8"],
  help: ["M12 4a8 8 0 1 0 0 16a8 8 0 0 0 0-16z", "M9.700 9.500a2.400 2.400 0 1 1 3.600 2.100c-.9.500-1.300 1-1.300 1.900", "M12 16.500h.01"],
  activity: ["M4 13h3l3-7 4 12 3-7h3"],
  stack: ["M4 8h12v12H4z", "M8 4h12v12"],
  similar: ["M4 4h10v10H4z", "M17 10h3v10H10v-3"],
  plus: ["M12 5v14", "M5 12h14"],
  minus: ["M5 12h14"],
  left: ["M15 5l-7 7 7 7"],
  right: ["M9 5l7 7-7 7"],
  share: ["M12 14V4", "M8 7.500l4-4 4 4", "M6 11v9h12v-9"],
  external: ["M14 5h5v5", "M19 5l-8 8", "M18 14v5H5V6h5"],
  check: ["M5 12.500l4.500 4.500L19 7.500"],
  tag: ["M4 4h7l9 9-7 7-9-9z", "M8.500 8.500h.01"],
  download: ["M12 4v11", "M7 11l5 5 5-5", "M5 20h14"],
  copy: ["M9 9h11v11H9z", "M15 5H4v11"],
  play: ["M8 5l11 7-11 7z"],
  pause: ["M8 5v14", "M16 5v14"],
  zoom: ["M11 4a7 7 0 1 0 0 14a7 7 0 0 0 0-14z", "M20 20l-4-4", "M8 11h6", "M11 8v6"],
  calendar: ["M4 6h16v14H4z", "M4 10h16", "M8 3.500v4", "M16 3.500v4"],
  heart: ["M12 20C6 15.500 3.500 12.500 3.500 9a4.300 4.300 0 0 1 8.500-1.200A4.300 4.300 0 0 1 20.500 9c0 3.500-2.500 6.500-8.500 11z"],
  up: ["M7 11v9H4v-9z", "M7 11l4-7c1.500 0 2.200 1 2 2.300L12.500 10H18a2 2 0 0 1 2 2.400l-1.200 6A2 2 0 0 1 16.800 20H7"],
  down: ["M7 13V4H4v9z", "M7 13l4 7c1.500 0 2.200-1 2-2.300L12.500 14H18a2 2 0 0 0 2-2.400l-1.200-6A2 2 0 0 0 16.800 4H7"],
  star: ["M12 4l2.500 5.300 5.700.7-4.200 4 1.100 5.800L12 17l-5.100 2.800L8 14l-4.200-4 5.700-.7z"],
  album: ["M4 7h16v12H4z", "M6.500 4.500h11"],
  pencil: ["M5 19l1-4L16 5l3 3L9 18z"],
  person: ["M12 5a3.500 3.500 0 1 0 0 7a3.500 3.500 0 0 0 0-7z", "M5 20c.500-4 3-6 7-6s6.500 2 7 6"],
  place: ["M12 21c-4-5-6-8-6-11a6 6 0 0 1 12 0c0 3-2 6-6 11z", "M12 8.500a2 2 0 1 0 0 4a2 2 0 0 0 0-4z"],
  tag: ["M4 4h8l8 8-8 8-8-8z", "M8.500 8.500h.01"],
  table: ["M4 5h16v14H4z", "M4 10h16", "M4 14.500h16", "M10 5v14"],
  camera: ["M4 8h4l1.500-2h5L16 8h4v11H4z", "M12 10a3.500 3.500 0 1 0 0 7a3.500 3.500 0 0 0 0-7z"],
  folder: ["M4 6h6l2 2h8v11H4z"],
  clock: ["M12 4a8 8 0 1 0 0 16a8 8 0 0 0 0-16z", "M12 8v4l3 2"],
  bin: ["M5 7h14", "M9 7V5h6v2", "M7 7l1 12h8l1-12"],
  whole: ["M5 9V5h4", "M15 5h4v4", "M19 15v4h-4", "M9 19H5v-4"],
};

const SVG = "http://www.w3.org/2000/svg";

const drawings = {}; // a page has hundreds of some, which are copied in a third of the time

/** The icon as an element that screen readers pass over. */
export function icon(name) {
  drawings[name] ??= draw(name);
  return drawings[name].cloneNode(true);
}

function draw(name) {
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
