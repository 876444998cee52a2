#include "engine/model/text_tokens.h"

namespace engine {
namespace {

/// The next character; 0 for a byte that belongs to none. Moves `at` on.
char32_t takeCharacter(std::string_view text, std::size_t &at)
{
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    const unsigned first = byte(at);
    const std::size_t length = first < 0x80                     ? 1
                               : first >= 0xC2 && first <= 0xDF ? 2
                               : first >= 0xE0 && first <= 0xEF ? 3
                               : first >= 0xF0 && first <= 0xF4 ? 4
                                                                : 0;
    if (length == 0 || at + length > text.size()) {
        ++at;
        return 0;
    }
    char32_t value = length == 1 ? first : first & (0xFFu >> (length + 1));
    for (std::size_t i = 1; i < length; ++i) {
        if ((byte(at + i) & 0xC0) != 0x80) {
            ++at;
            return 0;
        }
        value = (value << 6) | (byte(at + i) & 0x3F);
    }
    at += length;
    return value;
}

void append(std::string &out, char32_t c)
{
    if (c < 0x80) {
        out += static_cast<char>(c);
    } else if (c < 0x800) {
        out += static_cast<char>(0xC0 | (c >> 6));
        out += static_cast<char>(0x80 | (c & 0x3F));
    } else if (c < 0x10000) {
        out += static_cast<char>(0xE0 | (c >> 12));
        out += static_cast<char>(0x80 | ((c >> 6) & 0x3F));
        out += static_cast<char>(0x80 | (c & 0x3F));
    } else {
        out += static_cast<char>(0xF0 | (c >> 18));
        out += static_cast<char>(0x80 | ((c >> 12) & 0x3F));
        out += static_cast<char>(0x80 | ((c >> 6) & 0x3F));
        out += static_cast<char>(0x80 | (c & 0x3F));
    }
}

/// Latin letters with accents, from U+00C0 and from U+0100, as the plain letters that people type;
/// a blank is no letter.
constexpr std::string_view kLatin1 = "aaaaaaaceeeeiiiidnooooo ouuuuyts"
                                     "aaaaaaaceeeeiiiidnooooo ouuuuyty";
constexpr std::string_view kLatinA =
    "aaaaaaccccccccddddeeeeeeeeeegggggggghhhhiiiiiiiiiiiijjkkklllllll"
    "lllnnnnnnnnnoooooooorrrrrrssssssssttttttuuuuuuuuuuuuwwyyyzzzzzzs";

/// Lower case without accents; 0 when the character separates words.
char32_t folded(char32_t c)
{
    if (c >= 0xFF01 && c <= 0xFF5E) // full-width ASCII
        c -= 0xFEE0;
    if (c < 0x80) {
        if (c >= 'A' && c <= 'Z')
            return c + 32;
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ? c : 0;
    }
    if (c < 0xC0)
        return 0;
    if (c < 0x100) {
        const char plain = kLatin1[c - 0xC0];
        return plain == ' ' ? 0 : static_cast<char32_t>(plain);
    }
    if (c < 0x100 + kLatinA.size())
        return static_cast<char32_t>(kLatinA[c - 0x100]);
    if (c >= 0x391 && c <= 0x3A9) // Greek
        return c + 32;
    if (c >= 0x410 && c <= 0x42F) // Cyrillic
        return c + 32;
    if (c >= 0x400 && c <= 0x40F)
        return c + 80;
    if (c >= 0x531 && c <= 0x556) // Armenian
        return c + 48;
    // Punctuation, arrows, symbols, boxes, emoji, ideographic punctuation.
    if ((c >= 0x2000 && c <= 0x2BFF) || (c >= 0x2E00 && c <= 0x2E7F) || (c >= 0x3000 && c <= 0x3004)
        || (c >= 0x3008 && c <= 0x303F) || c == 0x30FB || (c >= 0xFE00 && c <= 0xFE6F)
        || (c >= 0xFF5F && c <= 0xFF65) || (c >= 0x1F000 && c <= 0x1FAFF))
        return 0;
    return c;
}

bool isUnspaced(char32_t c)
{
    return (c >= 0x3005 && c <= 0x3007) || (c >= 0x3041 && c <= 0x30FF)
           || (c >= 0x3400 && c <= 0x4DBF) || (c >= 0x4E00 && c <= 0x9FFF)
           || (c >= 0xAC00 && c <= 0xD7AF) || (c >= 0xF900 && c <= 0xFAFF)
           || (c >= 0x20000 && c <= 0x3FFFF);
}

void stripPlural(std::string &word, Plurals plurals)
{
    if (plurals == Plurals::Keep || word.size() <= 3 || word.back() != 's'
        || word[word.size() - 2] == 's')
        return;
    if (plurals == Plurals::English && word.size() > 4 && word.ends_with("ies")) {
        word.replace(word.size() - 3, 3, "y");
        return;
    }
    word.pop_back();
}

} // namespace

std::vector<std::string> wordsOf(std::string_view text, Plurals plurals, bool isQuery,
                                 std::size_t most)
{
    std::vector<std::string> words;
    std::string word;
    const auto finishWord = [&] {
        if (word.empty())
            return;
        stripPlural(word, plurals);
        words.push_back(std::move(word));
        word.clear();
    };
    std::string before; // the last character of a run without spaces
    bool isPaired = false;
    const auto finishRun = [&] {
        if (isQuery && !before.empty() && !isPaired)
            words.push_back(before);
        before.clear();
        isPaired = false;
    };
    for (std::size_t at = 0; at < text.size() && words.size() < most;) {
        const char32_t c = folded(takeCharacter(text, at));
        if (c != 0 && isUnspaced(c)) {
            finishWord();
            std::string now;
            append(now, c);
            if (!before.empty()) {
                words.push_back(before + now);
                isPaired = true;
            }
            if (!isQuery)
                words.push_back(now);
            before = std::move(now);
            continue;
        }
        finishRun();
        if (c == 0)
            finishWord();
        else if (word.size() + 4 <= kLongestWord)
            append(word, c);
    }
    finishWord();
    finishRun();
    if (words.size() > most)
        words.resize(most);
    return words;
}

} // namespace engine
