"""How servers of the Chat Completions API differ, as data. No code belongs here.

A field states what a server does, not who it is; `openai_chat.py` reads it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

OwnFacts = Literal["llamacpp", "lmstudio"]
EffortField = Literal["reasoning_effort", "reasoning", "thinking", "enable_thinking"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """One habit of speaking Chat Completions.

    Attributes:
        base_url: where it lives unless the settings say otherwise; empty when only the user knows.
        key_env: environment variables that may hold its key, the first found wins.
        auth_header: `Authorization` carries `Bearer <key>`; any other header the bare key.
        max_tokens_field: the name of the limit on the answer.
        stream_options: whether `stream_options.include_usage` is accepted.
        sampling_while_thinking: whether temperature and top_p are accepted by thinking models.
        effort_field: where the effort goes; None when there is no such setting.
        effort_levels: whether `reasoning_effort` says how hard, where `effort_field` says whether.
        thinking_echo: the field that returns thinking in turns with tool calls.
        think_tags: whether thinking may stand in the text, between `<think>` tags.
        call_id: what a call's id must match.
        document_form: the kind of part that holds a document.
        document_addresses: whether a document may be given by its address.
        audio_form: whether sound is an object with its format, or the data (or address) as text.
        bridge: whether the person may speak after a tool's result only when the model has spoken.
        cache_key: whether `prompt_cache_key` says which conversation a request belongs to.
        cache_marks: how the names of models begin that keep a prompt's beginning up to a mark.
        required_choice: the word for "must call a tool".
        system_role: the role of the system message.
        models_path: the list of models, relative to the base URL.
        own_facts: server-specific endpoints that state a model's context size, asked when the list of
            models does not: llama.cpp's `/props`, LM Studio's `/api/v0/models`.
        twin: the provider whose server this is too, by its own protocol.
        local: whether it runs on the user's machine.
        tools: whether its models take tools, as far as nothing better is known.
        vision: whether its models see images, as far as nothing better is known.
    """

    name: str
    label: str
    base_url: str = ""
    key_env: tuple[str, ...] = ()
    auth_header: str = "Authorization"
    max_tokens_field: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    stream_options: bool = True
    sampling_while_thinking: bool = True
    effort_field: EffortField | None = None
    effort_levels: bool = False
    thinking_echo: Literal["reasoning_content", "reasoning_details"] | None = None
    think_tags: bool = False
    call_id: str = r".{1,128}"
    document_form: Literal["file", "file_url", "document_url"] = "file"
    document_addresses: bool = False
    audio_form: Literal["object", "text"] = "object"
    bridge: bool = False
    cache_key: bool = False
    cache_marks: tuple[str, ...] = ()
    required_choice: str = "required"
    system_role: Literal["system", "developer"] = "system"
    models_path: str = "models"
    own_facts: tuple[OwnFacts, ...] = ()
    twin: str = ""
    local: bool = False
    tools: bool = True
    vision: bool = False


_ALL = (
    Dialect(
        name="openai",
        label="OpenAI",
        base_url="https://api.openai.com/v1",
        key_env=("OPENAI_API_KEY",),
        max_tokens_field="max_completion_tokens",
        sampling_while_thinking=False,
        call_id=r".{1,40}",
        effort_field="reasoning_effort",
        cache_key=True,
    ),
    Dialect(
        name="azure",
        label="Azure OpenAI",
        key_env=("AZURE_OPENAI_API_KEY", "AZURE_API_KEY"),
        vision=True,
        auth_header="api-key",
        max_tokens_field="max_completion_tokens",
        sampling_while_thinking=False,
        call_id=r".{1,40}",
        effort_field="reasoning_effort",
        cache_key=True,
    ),
    Dialect(
        name="openrouter",
        label="OpenRouter",
        base_url="https://openrouter.ai/api/v1",
        key_env=("OPENROUTER_API_KEY",),
        effort_field="reasoning",
        thinking_echo="reasoning_details",
        document_addresses=True,
        cache_marks=("anthropic/",),
    ),
    Dialect(
        name="vercel",
        label="Vercel AI Gateway",
        base_url="https://ai-gateway.vercel.sh/v1",
        key_env=("AI_GATEWAY_API_KEY",),
        effort_field="reasoning",
        thinking_echo="reasoning_details",
    ),
    Dialect(
        name="gemini-openai",
        label="Google Gemini (OpenAI-compatible)",
        base_url="https://generativelanguage.googleapis.com/v1beta/openai",
        key_env=("GEMINI_API_KEY", "GOOGLE_API_KEY"),
        effort_field="reasoning_effort",
        twin="gemini",
        vision=True,
    ),
    Dialect(
        name="deepseek",
        label="DeepSeek",
        base_url="https://api.deepseek.com",
        key_env=("DEEPSEEK_API_KEY",),
        effort_field="thinking",
        effort_levels=True,
        thinking_echo="reasoning_content",
    ),
    Dialect(
        name="xai",
        label="xAI",
        base_url="https://api.x.ai/v1",
        key_env=("XAI_API_KEY",),
        effort_field="reasoning_effort",
        cache_key=True,
    ),
    Dialect(
        name="groq",
        label="Groq",
        base_url="https://api.groq.com/openai/v1",
        key_env=("GROQ_API_KEY",),
        max_tokens_field="max_completion_tokens",
        effort_field="reasoning_effort",
        think_tags=True,
    ),
    Dialect(
        name="mistral",
        label="Mistral",
        base_url="https://api.mistral.ai/v1",
        key_env=("MISTRAL_API_KEY",),
        stream_options=False,
        effort_field="reasoning_effort",
        call_id=r"[A-Za-z0-9]{9}",
        document_form="document_url",
        document_addresses=True,
        audio_form="text",
        bridge=True,
        cache_key=True,
        required_choice="any",
    ),
    Dialect(
        name="perplexity",
        label="Perplexity",
        base_url="https://api.perplexity.ai",
        key_env=("PERPLEXITY_API_KEY", "PPLX_API_KEY"),
        effort_field="reasoning_effort",
        think_tags=True,
        document_form="file_url",
        document_addresses=True,
        models_path="v1/models",
        tools=False,
    ),
    Dialect(
        name="cohere",
        label="Cohere",
        base_url="https://api.cohere.ai/compatibility/v1",
        key_env=("COHERE_API_KEY", "CO_API_KEY"),
    ),
    Dialect(
        name="together",
        label="Together AI",
        base_url="https://api.together.xyz/v1",
        key_env=("TOGETHER_API_KEY",),
        effort_field="reasoning_effort",
        think_tags=True,
    ),
    Dialect(
        name="fireworks",
        label="Fireworks AI",
        base_url="https://api.fireworks.ai/inference/v1",
        key_env=("FIREWORKS_API_KEY",),
        effort_field="reasoning_effort",
        thinking_echo="reasoning_content",
        think_tags=True,
    ),
    Dialect(
        name="huggingface",
        label="Hugging Face",
        base_url="https://router.huggingface.co/v1",
        key_env=("HF_TOKEN",),
        think_tags=True,
    ),
    Dialect(
        name="zai",
        label="Z.ai",
        base_url="https://api.z.ai/api/paas/v4",
        key_env=("ZAI_API_KEY",),
        effort_field="thinking",
        thinking_echo="reasoning_content",
    ),
    Dialect(
        name="moonshot",
        label="Moonshot AI",
        base_url="https://api.moonshot.ai/v1",
        key_env=("MOONSHOT_API_KEY",),
        effort_field="thinking",
        thinking_echo="reasoning_content",
    ),
    Dialect(
        name="alibaba",
        label="Alibaba Cloud",
        base_url="https://dashscope-intl.aliyuncs.com/compatible-mode/v1",
        key_env=("DASHSCOPE_API_KEY", "ALIBABA_API_KEY"),
        effort_field="enable_thinking",
    ),
    Dialect(
        name="cerebras",
        label="Cerebras",
        base_url="https://api.cerebras.ai/v1",
        key_env=("CEREBRAS_API_KEY",),
        max_tokens_field="max_completion_tokens",
        effort_field="reasoning_effort",
    ),
    Dialect(
        name="ollama-openai",
        label="Ollama (OpenAI-compatible)",
        base_url="http://localhost:11434/v1",
        key_env=("OLLAMA_API_KEY",),
        effort_field="reasoning_effort",
        think_tags=True,
        twin="ollama",
        local=True,
    ),
    Dialect(
        name="vllm",
        label="vLLM",
        base_url="http://localhost:8000/v1",
        key_env=("VLLM_API_KEY",),
        think_tags=True,
        local=True,
    ),
    Dialect(
        name="llamacpp",
        label="llama.cpp",
        base_url="http://localhost:8080/v1",
        key_env=("LLAMA_API_KEY",),
        own_facts=("llamacpp",),
        think_tags=True,
        local=True,
    ),
    Dialect(
        name="lmstudio",
        label="LM Studio",
        base_url="http://localhost:1234/v1",
        own_facts=("lmstudio",),
        think_tags=True,
        local=True,
    ),
    Dialect(
        name="litellm",
        label="LiteLLM",
        base_url="http://localhost:4000/v1",
        key_env=("LITELLM_API_KEY",),
        effort_field="reasoning_effort",
        think_tags=True,
        local=True,
    ),
    Dialect(
        name="openai-compatible",
        label="OpenAI-compatible server",
        key_env=("OPENAI_COMPATIBLE_API_KEY",),
        own_facts=("llamacpp", "lmstudio"),
        think_tags=True,
    ),
)

DIALECTS: dict[str, Dialect] = {dialect.name: dialect for dialect in _ALL}

# How each provider is called in sentences.
LABELS: dict[str, str] = {
    **{dialect.name: dialect.label for dialect in _ALL},
    "anthropic": "Anthropic",
    "bedrock": "Amazon Bedrock",
    "bedrock-openai": "Amazon Bedrock (OpenAI-compatible)",
    "gemini": "Google Gemini",
    "ollama": "Ollama",
    "vertex": "Google Vertex AI",
    "vertex-anthropic": "Anthropic on Google Vertex AI",
}
