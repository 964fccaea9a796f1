// Numbers of the page's data: plain arrays, or packed in base64: as IEEE numbers of 32 or 64 bits, or of 32 without the
// last byte of their fraction (NaN: missing), or in 16 bits on a scale from low to high (65535: missing).

function unpack(numbers) {
  if (numbers === null || numbers === undefined) return null;
  if (Array.isArray(numbers) || ArrayBuffer.isView(numbers)) return Float64Array.from(numbers, (value) => value ?? NaN);
  const bytes = Uint8Array.from(atob(numbers.data), (character) => character.charCodeAt(0));
  const read = reader(new DataView(bytes.buffer), numbers);
  return Float64Array.from({ length: (8 * bytes.length) / numbers.bits }, (_, i) => read(i));
}

function reader(view, { bits, low, high, log }) {
  if (bits === 24) return (i) => withoutLastByte(view, 3 * i);
  if (bits === 32) return (i) => view.getFloat32(4 * i, true);
  if (bits === 64) return (i) => view.getFloat64(8 * i, true);
  return (i) => {
    const code = view.getUint16(2 * i, true);
    if (code === 65535) return NaN;
    const value = low + (code / 65534) * (high - low);
    return log ? Math.exp(value) : value;
  };
}

function withoutLastByte(view, start) {
  const single = new DataView(new ArrayBuffer(4));
  for (const byte of [0, 1, 2]) single.setUint8(byte + 1, view.getUint8(start + byte));
  return single.getFloat32(0, true);
}
