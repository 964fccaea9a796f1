// Numbers of the page's data: plain arrays, or packed as 16 bits each in base64 (65535: missing).

function unpack(numbers) {
  if (numbers === null || numbers === undefined) return null;
  if (Array.isArray(numbers)) return Float64Array.from(numbers, (value) => value ?? NaN);
  const { low, high, log, data } = numbers;
  const bytes = Uint8Array.from(atob(data), (character) => character.charCodeAt(0));
  const codes = new DataView(bytes.buffer);
  return Float64Array.from({ length: bytes.length / 2 }, (_, i) => {
    const code = codes.getUint16(2 * i, true);
    if (code === 65535) return NaN;
    const value = low + (code / 65534) * (high - low);
    return log ? Math.exp(value) : value;
  });
}
