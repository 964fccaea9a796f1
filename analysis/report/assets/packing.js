// Numbers of the page's data: plain arrays, or packed in base64 as IEEE numbers of 32 or 64 bits (NaN: missing).

function unpack(numbers) {
  if (numbers === null || numbers === undefined) return null;
  if (Array.isArray(numbers)) return Float64Array.from(numbers, (value) => value ?? NaN);
  const { bits, data } = numbers;
  const bytes = Uint8Array.from(atob(data), (character) => character.charCodeAt(0));
  const view = new DataView(bytes.buffer);
  const read = (i) => (bits === 32 ? view.getFloat32(4 * i, true) : view.getFloat64(8 * i, true));
  return Float64Array.from({ length: (8 * bytes.length) / bits }, (_, i) => read(i));
}
