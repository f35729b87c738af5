/** A paper of the catalogue, whether or not there is a recipe for it. */
export interface Paper {
  /** 001 to 119. */
  readonly number: string;
  readonly slug: string;
  readonly title: string;
  /** What it offers: method, analysis, system… */
  readonly kind: string;
  /** The seams that it goes through: adapter, objective, optimizer, data, reward, world, probe, surgery, loop. */
  readonly parts: string;
}

// number | slug | kind | parts | title
const table = `
001 | rift | method | objective, adapter (head-only), world, reward, loop, probe | RIFT: Closed-Loop RL Fine-Tuning for Realistic and Controllable Traffic Simulation
002 | middo | system | data, loop, probe, objective (SFT) | Middo: Model-Informed Dynamic Data Optimization for Enhanced LLM Fine-Tuning via Closed-Loop Learning
003 | trivia | method | objective, reward, data, world (tables), probe | TRivia: Self-supervised Fine-tuning of Vision-Language Models for Table Recognition
004 | gen-drive | method | objective, reward (learned), world, data (pairwise preferences), loop | Gen-Drive: Enhancing Diffusion Generative Driving Policies with Reward Modeling and Reinforcement Learning Fine-tuning
005 | rldp | method | optimizer, adapter (LoRA), loop, probe (privacy, membership inference, canaries) | Efficient Differentially Private Fine-Tuning of LLMs via Reinforcement Learning
006 | reasonplan | method | objective, data (decision chain-of-thought), world, probe | ReasonPlan: Unified Scene Prediction and Decision Reasoning for Closed-loop Autonomous Driving
007 | hugsim | simulator | world, probe, reward | HUGSIM: A Real-Time, Photo-Realistic and Closed-Loop Simulator for Autonomous Driving
008 | autovla | method | data (action tokens, fast/slow traces), objective, reward, adapter (LoRA), world | AutoVLA: A Vision-Language-Action Model for End-to-End Autonomous Driving with Adaptive Reasoning and Reinforcement Fine-Tuning
009 | instructvla | method | adapter (MoE of LoRAs), objective (text CE + flow matching), data, world (manipulation), probe (forgetting) | InstructVLA: Vision-Language-Action Instruction Tuning from Understanding to Manipulation
010 | alphablock | system | data, adapter (vision adapter + Q-former), objective (SFT), world (block planning), loop | AlphaBlock: Embodied Finetuning for Vision-Language Reasoning in Robot Manipulation
011 | rl-forgetting | analysis (with methods) | objective, probe, world, loop | Fine-tuning Reinforcement Learning Models is Secretly a Forgetting Mitigation Problem
012 | adjoint-matching | method | objective, world (2-D/flow model), reward, probe | Adjoint Matching: Fine-tuning Flow and Diffusion Generative Models with Memoryless Stochastic Optimal Control
013 | lora-asymmetry | method + analysis | adapter, probe | Asymmetry in Low-Rank Adapters of Foundation Models
014 | implicit-inference | analysis + method (prompting) | probe, data, world (in-context regression) | Understanding Catastrophic Forgetting in Language Models via Implicit Inference
015 | model-stock | method | surgery, probe | Model Stock: All we need is just a few fine-tuned models
016 | input-tuning-cl | method | adapter (input transform), probe, loop (class-/task-incremental) | Continual Learning with Pretrained Backbones by Tuning in the Input Space
017 | hft | method | adapter (block mask), surgery (half-reset), probe | HFT: Half Fine-Tuning for Large Language Models
018 | locft-bf | method | surgery (editing), objective (SFT), adapter (one matrix), probe | Fine-tuning Done Right in Model Editing
019 | sap | method + system | data (privatisation), adapter, probe (inversion and attribute attacks), loop (split training) | A Split-and-Privatize Framework for Large Language Model Fine-Tuning
020 | greentrainer | method | adapter (tensor selection), optimizer, probe (FLOPs), loop | Towards Green AI in Fine-tuning Large Language Models via Adaptive Backpropagation
021 | formal-feedback | method | reward (model checker), objective (DPO), world (transition system), data, loop | Fine-Tuning Language Models Using Formal Methods Feedback
022 | env-tuning | method | world (tool calling), reward, data (curriculum), objective (GRPO), loop | Don't Just Fine-tune the Agent, Tune the Environment
023 | polychromic | method | objective, world (gridworlds), loop, probe (pass@k, diversity) | Polychromic Objectives for Reinforcement Learning
024 | tail | method + analysis | adapter, objective (behaviour cloning), world, loop (task stream), probe | TAIL: Task-specific Adapters for Imitation Learning with Large Pretrained Models
025 | mor | method | adapter (MoE of LoRAs), probe (load balance) | Mixture of Routers
026 | cola | method | adapter, surgery (merge), loop | Chain of LoRA: Efficient Fine-tuning of Language Models via Residual Learning
027 | loki | method | adapter (row mask), probe (attribution, forgetting) | LoKI: Low-damage Knowledge Implanting of Large Language Models
028 | lift | method | optimizer (sparse AdamW), adapter (element mask), probe | LIFT the Veil for the Truth: Principal Weights Emerge after Rank Reduction for Reasoning-Focused Supervised Fine-Tuning
029 | sft-knowledge | analysis | probe, data (mastery split), surgery (parameter restoration) | Analyzing the Effects of Supervised Fine-Tuning on Model Knowledge from Token and Parameter Levels
030 | composable-sft | method | adapter (sparse delta), surgery (composition), objective (optional L1), loop (two phases) | Composable Sparse Fine-Tuning for Cross-Lingual Transfer
031 | robofume | system | loop, objective, reward, world | Robot Fine-Tuning Made Easy: Pre-Training Rewards and Policies for Autonomous Real-World Reinforcement Learning
032 | finetune-wrapper | analysis | probe, data, loop | Mechanistically analyzing the effects of fine-tuning on procedurally defined tasks
033 | ssf | method | adapter, surgery | Scaling & Shifting Your Features: A New Baseline for Efficient Model Tuning
034 | spafit | method | adapter | SPAFIT: Stratified Progressive Adaptation Fine-tuning for Pre-trained Large Language Models
035 | selective-lora | method | adapter, probe | Fine Tuning without Catastrophic Forgetting via Selective Low Rank Adaptation
036 | asft | method | objective | Anchored Supervised Fine-Tuning
037 | masked-thought | method | data | Masked Thought: Simply Masking Partial Reasoning Steps Can Improve Mathematical Reasoning Learning of Language Models
038 | wsrl | method | loop, objective, world | Efficient Online Reinforcement Learning Fine-Tuning Need Not Retain Offline Data
039 | iw-sft | method | objective, data | Supervised Fine Tuning on Curated Data is Reinforcement Learning (and can be improved)
040 | longtail-backdoor | method (and analysis) | objective, probe, surgery | Rethinking the Bias of Foundation Model under Long-tailed Distribution
041 | treasure-hunt | method | data, probe | Treasure Hunt: Real-time Targeting of the Long Tail using Training-Time Markers
042 | levi | method | adapter, objective | LEVI: Generalizable Fine-tuning via Layer-wise Ensemble of Different Views
043 | prereq-tune | method | adapter, data, objective | Fictitious Synthetic Data Can Improve LLM Factuality via Prerequisite Learning
044 | openvla-oft | system | adapter, objective, world | Fine-Tuning Vision-Language-Action Models: Optimizing Speed and Success
045 | multilingual-adapter | method (empirical study) | adapter, data, probe | One Adapter for All Programming Languages? Adapter Tuning for Code Search and Summarization
046 | nft | method | objective, loop | Bridging Supervised Learning and Reinforcement Learning in Math Reasoning
047 | mcl-interpolation | method | surgery, loop, probe | Momentum-based Weight Interpolation of Strong Zero-Shot Models for Continual Learning
048 | finetunebench | benchmark | data, probe | FineTuneBench: How well do commercial fine-tuning APIs infuse knowledge into LLMs?
049 | cot-faithfulness | analysis | probe | On the Impact of Fine-Tuning on Chain-of-Thought Reasoning
050 | forgetting-laws | analysis | probe | Scaling Laws for Forgetting When Fine-Tuning Large Language Models
051 | transformer-copilot | method | adapter, objective, loop, probe | Transformer Copilot: Learning from The Mistake Log in LLM Fine-tuning
052 | intruder-dims | analysis | probe, surgery | LoRA vs Full Fine-tuning: An Illusion of Equivalence
053 | moto | method | loop, objective, world | MOTO: Offline Pre-training to Online Fine-tuning for Model-based Robot Learning
054 | roste | method | adapter, optimizer, surgery | RoSTE: An Efficient Quantization-Aware Supervised Fine-Tuning Approach for Large Language Models
055 | slick | analysis | probe, data | Does Fine-Tuning LLMs on New Knowledge Encourage Hallucinations?
056 | undo-safety-lora | analysis | probe, adapter | LoRA Fine-tuning Efficiently Undoes Safety Training in Llama 2-Chat 70B
057 | loramoe | method | adapter, objective | LoRAMoE: Revolutionizing Mixture of Experts for Maintaining World Knowledge in Language Model Alignment
058 | ssmlora | method | adapter | SSMLoRA: Enhancing Low-Rank Adaptation with State Space Model
059 | cft | method | data, objective | Critique Fine-Tuning: Learning to Critique is More Effective than Learning to Imitate
060 | transfertransfo | method | objective, data, adapter | TransferTransfo: A Transfer Learning Approach for Neural Network Based Conversational Agents
061 | component-clip | method | optimizer, probe | Improving Stability of Fine-Tuning Pretrained Language Models via Component-Wise Gradient Norm Clipping
062 | faft-travelplanner | analysis + method | world, data, objective, loop, probe | Can We Rely on LLM Agents to Draft Long-Horizon Plans? Let's Take TravelPlanner as an Example
063 | morepair | method | objective, data, world | Multi-Objective Fine-Tuning for Enhanced Program Repair with LLMs
064 | ircoco | method | reward, objective, data, loop, world | IRCoCo: Immediate Rewards-Guided Deep Reinforcement Learning for Code Completion
065 | riff | method | data, objective, loop, reward | RIFF: Learning to Rephrase Inputs for Few-shot Fine-tuning of Language Models
066 | lmm-selective-tuning | analysis + method | adapter, probe, data | How to Teach Large Multimodal Models New Skills
067 | oap | method | objective, reward, loop, world | Boosting Offline Reinforcement Learning with Action Preference Query
068 | rl-razor | analysis | probe, objective, loop, data | RL's Razor: Why Online Reinforcement Learning Forgets Less
069 | rectified-scaling-law | method + analysis | probe, data | Selecting Large Language Model to Fine-tune via Rectified Scaling Law
070 | corda | method | adapter, data, probe | CorDA: Context-Oriented Decomposition Adaptation of Large Language Models
071 | nli-robust-data | analysis + method | data, probe | How to Improve the Robustness of Closed-Source Models on NLI
072 | es-at-scale | method | optimizer, loop, reward, probe | Evolution Strategies at Scale: LLM Fine-Tuning Beyond Reinforcement Learning
073 | pearl-dynamic-rank | method | adapter, data, probe | Parameter Efficient Continual Learning with Dynamic Low-Rank Adaptation
074 | rlhf-workflow | system | loop, reward, objective, data | RLHF Workflow: From Reward Modeling to Online RLHF
075 | entity-tracking-circuits | analysis | probe, surgery, world | Fine-Tuning Enhances Existing Mechanisms: A Case Study on Entity Tracking
076 | what-to-pretrain-on | benchmark + analysis | data, adapter, probe, loop | What to Pre-Train on? Efficient Intermediate Task Selection
077 | delta-come | method | surgery, probe | Delta-CoMe: Training-Free Delta-Compression with Mixed-Precision for Large Language Models
078 | masked-counterfactual | method | objective, data, probe | Masked Images Are Counterfactual Samples for Robust Fine-tuning
079 | lora-fairness | analysis | probe, adapter, data | Low-rank finetuning for LLMs: A fairness perspective
080 | instruction-tuning-limits | analysis | probe, data, adapter | A Closer Look at the Limitations of Instruction Tuning
081 | itool | method | loop, data, objective, world, reward | Boosting Tool Use of Large Language Models via Iterative Reinforced Fine-Tuning
082 | conrft | method | objective, loop, world, adapter | ConRFT: A Reinforced Fine-tuning Method for VLA Models via Consistency Policy
083 | got-d | method | data, probe | Get more for less: Principled Data Selection for Warming Up Fine-Tuning in LLMs
084 | qgoft | method | adapter, objective | Parameter Efficient Quasi-Orthogonal Fine-Tuning via Givens Rotation
085 | autolora-robust | method | adapter, objective, optimizer, probe | AutoLoRa: A Parameter-Free Automated Robust Fine-Tuning Framework
086 | lines | method | surgery, probe | LiNeS: Post-training Layer Scaling Prevents Forgetting and Enhances Model Merging
087 | ift | method | objective, world | Intuitive Fine-Tuning: Towards Unifying SFT and RLHF into a Single Process
088 | gpt3-pii-leak | analysis (privacy attack) | probe, data | Does fine-tuning GPT-3 with the OpenAI API leak personally-identifiable information?
089 | klear-agentforge | system | loop, world, reward, objective, data, surgery | Klear-AgentForge: Forging Agentic Intelligence through Posttraining Scaling
090 | prft | method | reward, objective, loop, world, probe | Adapting Image-based RL Policies via Predicted Rewards
091 | expert-failures | method | data, loop, world, reward | Exploring Expert Failures Improves LLM Agent Tuning
092 | dft | method | objective | On the Generalization of SFT: A Reinforcement Learning Perspective with Reward Rectification
093 | tuco | method | probe, surgery | TuCo: Measuring the Contribution of Fine-Tuning to Individual Responses of LLMs
094 | opendelta | system | adapter, surgery | OpenDelta: A Plug-and-play Library for Parameter-efficient Adaptation of Pre-trained Models
095 | cl-code-apis | analysis | loop, objective, data, probe | On the Usage of Continual Learning for Out-of-Distribution Generalization in Pre-trained Language Models of Code
096 | quzo | method | optimizer | QuZO: Quantized Zeroth-Order Fine-Tuning for Large Language Models
097 | semiadapt | method | data, adapter, loop | SemiAdapt and SemiLoRA: Efficient Domain Adaptation for Transformer-based Low-Resource Language Translation with a Case Study on Irish
098 | one-token-rollout | method | objective | One-Token Rollout: Guiding Supervised Fine-Tuning of LLMs with Policy Gradient
099 | clover | method | adapter, surgery, probe | CLOVER: Constrained Learning with Orthonormal Vectors for Eliminating Redundancy
100 | alignment-survey | survey | data, adapter, objective, probe | Towards Alignment-Centric Paradigm: A Survey of Instruction Tuning in Large Language Models
101 | tl-training | method | data, objective, reward, world | TL-Training: A Task-Feature-Based Framework for Training Large Language Models in Tool Use
102 | critique-rlaif | analysis | objective, reward, data, loop, probe | A Critical Evaluation of AI Feedback for Aligning Large Language Models
103 | openbezoar | system (pipeline recipe) | data, adapter, objective, surgery, loop, probe | OpenBezoar: Small, Cost-Effective and Open Models Trained on Mixes of Instruction Data
104 | petl-ast | analysis (plus one adapter design) | adapter, probe, world | Parameter-Efficient Transfer Learning of Audio Spectrogram Transformers
105 | eva | method | adapter, data | One Initialization to Rule them All: Fine-tuning via Explained Variance Adaptation
106 | leti | method | data, objective, loop, world, reward | LeTI: Learning to Generate from Textual Interactions
107 | looptool | system | loop, data, reward, objective, world | LoopTool: Closing the Data-Training Loop for Robust LLM Tool Calls
108 | three-regimes | analysis | probe, loop, data, objective, world | The Three Regimes of Offline-to-Online Reinforcement Learning
109 | laffi | method | data, objective | LaFFi: Leveraging Hybrid Natural Language Feedback for Fine-tuning Language Models
110 | all-roads | analysis | objective, reward, loop, probe | All Roads Lead to Likelihood: The Value of Reinforcement Learning in Fine-Tuning
111 | mathse | method (pipeline) | data, reward, loop, objective, world | MathSE: Improving Multimodal Mathematical Reasoning via Self-Evolving Iterative Reflection and Reward-Guided Fine-Tuning
112 | list | method | adapter, data, objective, loop | LiST: Lite Prompted Self-training Makes Parameter-Efficient Few-shot Learners
113 | rft-forgetting | analysis (plus a filter) | objective, probe, loop, data, reward | Reinforcement Fine-Tuning Naturally Mitigates Forgetting in Continual Post-Training
114 | l2m | method (plus benchmark) | adapter, world, loop, probe | Learning to Modulate pre-trained Models in RL
115 | ift-eval | analysis | probe, data | Revisiting Instruction Fine-tuned Model Evaluation to Guide Industrial Applications
116 | cge | method | probe, loop | What's New in My Data? Novelty Exploration via Contrastive Generation
117 | peft-survey | survey | adapter, probe | Parameter-Efficient Fine-Tuning for Foundation Models
118 | mixlora | method | adapter, objective | MixLoRA: Enhancing Large Language Models Fine-Tuning with LoRA based Mixture of Experts
119 | sparse-zo | method | optimizer, adapter, probe | Zeroth-Order Fine-Tuning of LLMs with Extreme Sparsity
`;

/** All papers, by number. */
export const catalogue: readonly Paper[] = table
  .trim()
  .split('\n')
  .map((line) => {
    const [number = '', slug = '', kind = '', parts = '', title = ''] = line.split(' | ');
    return { number, slug, title, kind, parts };
  });
