"""Keys of model providers and what surrounds them."""

from zlib import crc32

from sanitization.detectors.vendors.forms import LEFT, Named, Secret, Token
from sanitization.detectors.wording import is_worded


class AnthropicKey(Token):
    """Anthropic API, admin and OAuth keys."""

    rule = "anthropic_key"
    keywords = ("sk-ant-",)
    value = (
        r"sk-ant-(?:(?:api|admin)\d{0,4}-[A-Za-z0-9_-]{80,120}AA|(?:oat|ort|sid)\d\d-[A-Za-z0-9_-]{80,200})"
    )


class CerebrasKey(Token):
    """Cerebras API keys."""

    rule = "cerebras_key"
    keywords = ("csk-",)
    value = r"csk-[a-z0-9]{40,60}"


class CohereKey(Named):
    """Cohere API keys."""

    rule = "cohere_key"
    names = "cohere|co_api_key"
    value = r"[A-Za-z0-9]{40}"


class DeepgramKey(Named):
    """Deepgram API keys."""

    rule = "deepgram_key"
    names = "deepgram"
    value = r"[a-f0-9]{40}"


class ElevenLabsKey(Named):
    """ElevenLabs API keys."""

    rule = "elevenlabs_key"
    names = "elevenlabs|eleven_api|xi-api-key"
    value = r"(?:sk_)?[a-f0-9]{32,48}"


class FireworksKey(Token):
    """Fireworks AI API keys."""

    rule = "fireworks_key"
    keywords = ("fw_",)
    value = r"fw_[A-Za-z0-9]{22,40}"


class GroqKey(Token):
    """Groq API keys."""

    rule = "groq_key"
    keywords = ("gsk_",)
    value = r"gsk_[A-Za-z0-9]{52}"


class HuggingFaceToken(Token):
    """Hugging Face user and organization tokens."""

    rule = "huggingface_token"
    keywords = ("hf_", "api_org_")
    value = r"(?:hf_|api_org_)[A-Za-z0-9]{34,64}"


class LangSmithKey(Token):
    """LangSmith API keys."""

    rule = "langsmith_key"
    keywords = ("lsv2_",)
    value = r"lsv2_(?:pt|sk)_[a-f0-9]{32}_[a-f0-9]{10}"


class LlmGatewayKey(Token):
    """This gateway's own API keys, by their checksum: the CRC-32 of what stands before it, in base 62."""

    rule = "llm_gateway_key"
    keywords = ("lgw_",)
    value = r"lgw_[0-9A-Za-z]{46}"
    digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

    def accept(self, candidate: str) -> int:
        number = 0
        for digit in candidate[-6:]:
            number = number * 62 + self.digits.index(digit)
        return super().accept(candidate) if number == crc32(candidate[:-6].encode()) else 0


class MistralKey(Named):
    """Mistral API keys."""

    rule = "mistral_key"
    names = "mistral"
    value = r"[A-Za-z0-9]{32}"


class NvidiaKey(Token):
    """NVIDIA API keys."""

    rule = "nvidia_key"
    keywords = ("nvapi-",)
    value = r"nvapi-[A-Za-z0-9_-]{60,80}"


class OpenRouterKey(Token):
    """OpenRouter API keys."""

    rule = "openrouter_key"
    keywords = ("sk-or-",)
    value = r"sk-or-v1-[a-f0-9]{64}"


class PerplexityKey(Token):
    """Perplexity API keys."""

    rule = "perplexity_key"
    keywords = ("pplx-",)
    value = r"pplx-[A-Za-z0-9]{48}"


class PineconeKey(Token):
    """Pinecone API keys."""

    rule = "pinecone_key"
    keywords = ("pcsk_",)
    value = r"pcsk_[A-Za-z0-9_]{40,90}"


class PrivateAiKey(Named):
    """Private AI API keys."""

    rule = "privateai_key"
    names = "privateai|private_ai|private-ai"
    value = r"[a-z0-9]{32}"


class ReplicateToken(Token):
    """Replicate API tokens."""

    rule = "replicate_token"
    keywords = ("r8_",)
    value = r"r8_[A-Za-z0-9]{37}"


class StabilityKey(Named):
    """Stability AI API keys."""

    rule = "stability_key"
    names = "stability"
    value = r"sk-[A-Za-z0-9]{48}"


class TogetherKey(Named):
    """Together AI API keys."""

    rule = "together_key"
    names = "together_api|togetherai|together_ai"
    value = r"[a-f0-9]{64}"


class WandbKey(Named):
    """Weights & Biases API keys."""

    rule = "wandb_key"
    names = "wandb|weights_and_biases"
    value = r"[a-f0-9]{40}"


class XaiKey(Token):
    """xAI API keys."""

    rule = "xai_key"
    keywords = ("xai-",)
    value = r"xai-[A-Za-z0-9]{60,90}"


class OpenAiKey(Secret):
    """User, project, service-account and admin keys, and those of services that copied the form."""

    rule = "openai_key"
    keywords = ("sk-",)
    # A run without a hyphen is asked for here already: text full of `sk-` has no candidates then.
    pattern = rf"{LEFT}(?P<value>sk-[A-Za-z0-9_-]{{0,60}}[A-Za-z0-9_]{{16}}[A-Za-z0-9_-]{{0,160}})"

    def accept(self, candidate: str) -> int:
        # Anthropic's have a rule of their own, and `sk-` begins words in hyphenated names too.
        is_name = not any(map(str.isdigit, candidate)) and is_worded(candidate)
        if candidate.startswith("sk-ant-") or is_name:
            return 0
        return len(candidate) if max(map(len, candidate.split("-"))) >= 16 else 0
