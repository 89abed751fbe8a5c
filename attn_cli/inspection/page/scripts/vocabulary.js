// Text to ids and back, and how a single id is shown.

const PICTURES = {
  " ": "␣",
  "\n": "⏎",
  "\t": "⇥",
  "\f": "␌",
  "\r": "␍",
  "\v": "␋",
  "\u00a0": "⍽",
  "\u3000": "□",
  "\u200c": "¦",
  "\u200d": "⁀",
};
const NAMES = {
  " ": "space",
  "\n": "newline",
  "\t": "tab",
  "\f": "form feed",
  "\r": "carriage return",
  "\v": "vertical tab",
  "\u00a0": "no-break space",
  "\u3000": "ideographic space",
  "\u200c": "zero-width non-joiner",
  "\u200d": "zero-width joiner",
};

// What stands for a hidden character in a text that one types, and with a backslash for itself.
const BLANK = "_",
  ESCAPED_BLANK = "\\_";

const MOST_NAMED = 5; // characters that a notice names

class Vocabulary {
  // `endId`: of what ends a source and a target; null where the model writes texts.
  constructor({ kind, symbols }, maskId = null, endId = null) {
    this.maskId = maskId; // null where nothing is ever hidden
    this.endId = endId;
    this.bytes = kind === "bytes";
    this.kind = kind;
    this.unit = this.bytes ? "byte" : "character";
    this.symbols = symbols;
    this.size = symbols.length;
    this.idOf = new Map(symbols.map((symbol, id) => [symbol, id]));
  }

  // A text -> its ids, and each character that has none with its position, counted from 1.
  encode(text) {
    const ids = [],
      outside = [];
    const utf8 = new TextEncoder();
    let position = 0;
    for (const piece of this.pieces(text)) {
      position += 1;
      if (this.maskId !== null && piece === BLANK) {
        ids.push(this.maskId);
        continue;
      }
      const character = piece === ESCAPED_BLANK ? BLANK : piece;
      const code = character.codePointAt(0);
      if (this.bytes && (code < 0xd800 || code > 0xdfff)) {
        for (const byte of utf8.encode(character)) ids.push(byte);
      } else if (!this.bytes && this.idOf.has(character)) ids.push(this.idOf.get(character));
      else outside.push({ character, position });
    }
    return { ids, outside };
  }

  // The characters of a text; an escaped blank is one.
  pieces(text) {
    return this.maskId === null ? text : text.match(/\\_|./gsu) ?? [];
  }

  decode(ids) {
    const { maskId } = this;
    if (maskId !== null) {
      return ids
        .map((id) => (id === maskId ? BLANK : this.symbols[id].replace(BLANK, ESCAPED_BLANK)))
        .join("");
    }
    if (this.bytes)
      return new TextDecoder("utf-8", { ignoreBOM: true }).decode(Uint8Array.from(ids));
    return ids.map((id) => this.symbols[id]).join("");
  }

  // One id as something to see: blanks by a picture, a byte beyond ASCII by its two digits.
  shown(id) {
    return this.bytes && id > 127 ? id.toString(16) : visible(this.symbols[id]);
  }

  // One id in a sentence that may be read aloud.
  named(id) {
    const symbol = this.symbols[id];
    if (id === this.maskId) return "the blank";
    if (id === this.endId) return "the end";
    if (this.bytes && id > 127) return `byte ${id.toString(16)}`;
    return NAMES[symbol] ?? `‘${this.shown(id)}’`;
  }
}

// A sentence on what of a text has no id, each named with its place.
function leftOut(named) {
  const more = named.length - MOST_NAMED;
  const some = named.slice(0, MOST_NAMED).join(", ");
  return `Left out, unknown to the model: ${some}${more > 0 ? ` and ${more} more` : ""}.`;
}

// A character as something to see; none of them turns the direction of what is around it.
function visible(character) {
  if (character in PICTURES) return PICTURES[character];
  const code = character.codePointAt(0);
  if (code < 32) return String.fromCodePoint(0x2400 + code); // the pictures of controls
  if (/^\p{M}/u.test(character)) return "◌" + character; // a mark needs something to sit on
  const unseen = /^[\p{C}\p{Z}]/u.test(character);
  return unseen ? "U+" + code.toString(16).toUpperCase().padStart(4, "0") : character;
}
