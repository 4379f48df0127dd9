// Numbers that travel as text.

// The bytes of a base64 text.
export const bytes = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
