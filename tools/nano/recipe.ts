/** The shape of nano: about 3 million parameters, embedding and head tied. */
export const config = {
  architectures: ['LlamaForCausalLM'],
  model_type: 'llama',
  vocab_size: 2048,
  hidden_size: 192,
  intermediate_size: 576,
  num_hidden_layers: 6,
  num_attention_heads: 6,
  num_key_value_heads: 3,
  head_dim: 32,
  max_position_embeddings: 512,
  rms_norm_eps: 1e-5,
  rope_parameters: { rope_type: 'default', rope_theta: 10000 },
  hidden_act: 'silu',
  attention_bias: false,
  mlp_bias: false,
  tie_word_embeddings: true,
  initializer_range: 0.05,
  bos_token_id: 1,
  eos_token_id: 2,
  pad_token_id: 0,
} as const;

export const specialTokens = ['<|endoftext|>', '<|im_start|>', '<|im_end|>'] as const;

export const generationConfig = { bos_token_id: 1, eos_token_id: 2, pad_token_id: 0 } as const;

export const tokenizerConfig = {
  tokenizer_class: 'PreTrainedTokenizerFast',
  bos_token: '<|im_start|>',
  eos_token: '<|im_end|>',
  pad_token: '<|endoftext|>',
  clean_up_tokenization_spaces: false,
  model_max_length: 512,
} as const;

/** ChatML; what the assistant wrote, with its end, stands in generation blocks. */
export const template =
  "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' }}{% if message['role'] == 'assistant' %}" +
  "{% generation %}{{ message['content'] + '<|im_end|>' }}{% endgeneration %}{% else %}{{ message['content'] + '<|im_end|>' }}{% endif %}" +
  "{{ '\\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}";

/** Training text: rows of nano's own world, of which the tokenizer sees the first, and what else there is, so many times an epoch. */
export const text = {
  seed: 1,
  rows: 100000,
  tokenizerRows: 30000,
  evalRows: 600,
  bookTimes: 2,
  sampledTimes: 4,
} as const;

/** The training run's config, but for its files. */
export const training = {
  data: { packing: true, maxLength: 256 },
  adapter: { type: 'none' },
  optimizer: { learningRate: 2.5e-3, beta2: 0.98, maxGradNorm: 1 },
  schedule: { type: 'cosine', warmupSteps: 100 },
  train: { batchSize: 8, maxSteps: 2060, saveSteps: 1000, saveTotalLimit: 1, seed: 1 },
} as const;

/** Rows of the bundled task, which nano is not trained on. */
export const taskRows = { train: 400, test: 100 } as const;
