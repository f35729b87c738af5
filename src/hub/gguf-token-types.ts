/** Token types of tokenizer.ggml.token_type. */
export const ggufTokenTypes = { normal: 1, unknown: 2, control: 3, user: 4, unused: 5, byte: 6 } as const;
