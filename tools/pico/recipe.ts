/** The shape of pico: about 1.2 million parameters, embedding and head tied. */
export const config = {
  architectures: ['LlamaForCausalLM'],
  model_type: 'llama',
  vocab_size: 1024,
  hidden_size: 128,
  intermediate_size: 384,
  num_hidden_layers: 5,
  num_attention_heads: 4,
  num_key_value_heads: 4,
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

/** How pico was trained. */
export const recipe = {
  seed: 1,
  rows: 90000,
  evalRows: 600,
  length: 256,
  optimizer: { learningRate: 2e-3, beta2: 0.98, maxGradNorm: 1 },
  schedule: { type: 'cosine', warmupSteps: 100 },
  train: { batchSize: 4, epochs: 1, saveSteps: 100000 },
} as const;

/** Rows of the bundled task, which pico is not trained on. */
export const taskRows = { train: 400, test: 100 } as const;
