"use strict";
// Numbers and words as Python writes them, so that sentences are the library's to the letter.

// Python's "%g".
export function g(value) {
  const text = Number(value.toPrecision(6)).toString();
  const [digits, exponent] = value !== 0 && Math.abs(value) < 1e-4 ? Number(text).toExponential().split("e") : [text];
  return exponent ? `${digits}e${exponent[0]}${exponent.slice(1).padStart(2, "0")}` : digits;
}

// 12,000
export const counted = (number) => number.toLocaleString("en-US");

// Python's repr of text.
export function quoted(text) {
  const named = { "\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r" };
  const escape = (mark) => named[mark] ?? `\\x${mark.charCodeAt(0).toString(16).padStart(2, "0")}`;
  const shown = text.replace(/[\\\p{Cc}\xa0]/gu, escape);
  return shown.includes("'") && !shown.includes('"') ? `"${shown}"` : `'${shown.replace(/'/g, "\\'")}'`;
}

// Halves go to the even number, as Python rounds them.
export function rounded(value) {
  const down = Math.floor(value);
  return value - down === 0.5 ? down + (down % 2) : Math.round(value);
}
