#pragma once
// The canonical byte encoding of states and events: little-endian, fixed width, lengths before
// contents. Two equal values always have equal bytes, so hashes of encodings can stand for the
// values.

#include <array>
#include <bit>
#include <concepts>
#include <cstdint>
#include <cstring>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace engine {

using Bytes = std::vector<std::uint8_t>;

/// A struct that names its fields once: `template <class A> void fields(A &a) { a(x); a(y); }`.
template <class T, class A>
concept HasFields = requires(T &value, A &archive)
{
    value.fields(archive);
};

/// Appends values to a buffer. NaN is written as one bit pattern, so that equal states have equal
/// bytes.
class Writer
{
public:
    [[nodiscard]] const Bytes &bytes() const { return m_bytes; }
    [[nodiscard]] Bytes take() { return std::move(m_bytes); }

    void raw(std::span<const std::uint8_t> data)
    {
        m_bytes.insert(m_bytes.end(), data.begin(), data.end());
    }

    template <class T>
    void operator()(const T &value)
    {
        if constexpr (std::is_enum_v<T>) {
            integer(static_cast<std::uint32_t>(value));
        } else if constexpr (std::same_as<T, bool>) {
            integer(static_cast<std::uint8_t>(value));
        } else if constexpr (std::same_as<T, double>) {
            integer(value != value ? 0x7FF8000000000000ull : std::bit_cast<std::uint64_t>(value));
        } else if constexpr (std::same_as<T, float>) {
            integer(value != value ? 0x7FC00000u : std::bit_cast<std::uint32_t>(value));
        } else if constexpr (std::integral<T>) {
            integer(static_cast<std::make_unsigned_t<T>>(value));
        } else {
            // The visitor is written once per struct and takes T&; writing does not change the
            // value.
            const_cast<T &>(value).fields(*this);
        }
    }
    void operator()(const std::string &text)
    {
        integer(static_cast<std::uint32_t>(text.size()));
        raw({reinterpret_cast<const std::uint8_t *>(text.data()), text.size()});
    }
    template <class T>
    void operator()(const std::vector<T> &items)
    {
        integer(static_cast<std::uint32_t>(items.size()));
        for (const auto &item : items)
            (*this)(item);
    }
    template <class K, class V>
    void operator()(const std::map<K, V> &items)
    {
        integer(static_cast<std::uint32_t>(items.size()));
        for (const auto &[key, value] : items) {
            (*this)(key);
            (*this)(value);
        }
    }
    template <class T>
    void operator()(const std::optional<T> &value)
    {
        (*this)(value.has_value());
        if (value)
            (*this)(*value);
    }

private:
    template <std::unsigned_integral U>
    void integer(U value)
    {
        for (std::size_t i = 0; i < sizeof(U); ++i)
            m_bytes.push_back(static_cast<std::uint8_t>(value >> (8 * i)));
    }
    Bytes m_bytes;
};

/// Reads what Writer wrote; hostile input sets ok() to false and yields zeros, never throws or
/// over-reads.
class Reader
{
public:
    explicit Reader(std::span<const std::uint8_t> data) : m_data(data) {}
    [[nodiscard]] bool ok() const { return m_ok; }
    [[nodiscard]] bool atEnd() const { return m_ok && m_at == m_data.size(); }

    template <class T>
    void operator()(T &value)
    {
        if constexpr (std::is_enum_v<T>) {
            value = static_cast<T>(integer<std::uint32_t>());
        } else if constexpr (std::same_as<T, bool>) {
            value = integer<std::uint8_t>() != 0;
        } else if constexpr (std::same_as<T, double>) {
            value = std::bit_cast<double>(integer<std::uint64_t>());
        } else if constexpr (std::same_as<T, float>) {
            value = std::bit_cast<float>(integer<std::uint32_t>());
        } else if constexpr (std::integral<T>) {
            value = static_cast<T>(integer<std::make_unsigned_t<T>>());
        } else {
            value.fields(*this);
        }
    }
    void operator()(std::string &text)
    {
        const auto size = count(1);
        text.assign(reinterpret_cast<const char *>(m_data.data()) + m_at, size);
        m_at += size;
    }
    template <class T>
    void operator()(std::vector<T> &items)
    {
        const auto size = count(1);
        items.clear();
        for (std::size_t i = 0; i < size && m_ok; ++i)
            (*this)(items.emplace_back());
    }
    template <class K, class V>
    void operator()(std::map<K, V> &items)
    {
        const auto size = count(1);
        items.clear();
        for (std::size_t i = 0; i < size && m_ok; ++i) {
            K key{};
            (*this)(key);
            (*this)(items[key]);
        }
    }
    template <class T>
    void operator()(std::optional<T> &value)
    {
        bool has = false;
        (*this)(has);
        value.reset();
        if (has && m_ok)
            (*this)(value.emplace());
    }

private:
    template <std::unsigned_integral U>
    U integer()
    {
        if (m_data.size() - m_at < sizeof(U)) {
            m_ok = false;
            m_at = m_data.size();
            return 0;
        }
        U value = 0;
        for (std::size_t i = 0; i < sizeof(U); ++i)
            value = static_cast<U>(value | (static_cast<U>(m_data[m_at + i]) << (8 * i)));
        m_at += sizeof(U);
        return value;
    }
    /// A length that the rest of the buffer can hold, `itemSize` bytes at least per item.
    std::size_t count(std::size_t itemSize)
    {
        const std::size_t size = integer<std::uint32_t>();
        if (size > (m_data.size() - m_at) / itemSize) {
            m_ok = false;
            m_at = m_data.size();
            return 0;
        }
        return size;
    }
    std::span<const std::uint8_t> m_data;
    std::size_t m_at = 0;
    bool m_ok = true;
};

template <class T>
[[nodiscard]] Bytes encode(const T &value)
{
    Writer writer;
    writer(value);
    return writer.take();
}

/// Empty when the bytes are not exactly one value.
template <class T>
[[nodiscard]] std::optional<T> decode(std::span<const std::uint8_t> data)
{
    Reader reader(data);
    T value{};
    reader(value);
    if (!reader.atEnd())
        return std::nullopt;
    return value;
}

[[nodiscard]] std::string hex(std::span<const std::uint8_t> data);
[[nodiscard]] std::optional<Bytes> unhex(std::string_view text);

} // namespace engine
