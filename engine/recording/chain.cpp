#include "engine/recording/chain.h"

namespace engine {
namespace {

std::span<const std::uint8_t> bytesOf(std::string_view text)
{
    return {reinterpret_cast<const std::uint8_t *>(text.data()), text.size()};
}

} // namespace

ChainHasher::ChainHasher(const Digest &previous)
{
    m_hasher.add(bytesOf("drillroom-batch-1"));
    m_hasher.add(previous);
}

void ChainHasher::put(char table, std::initializer_list<std::int64_t> numbers,
                      std::initializer_list<std::span<const std::uint8_t>> blobs)
{
    // Lengths before contents: no two different rows feed the same bytes.
    Writer head;
    head(static_cast<std::uint8_t>(table));
    for (const auto number : numbers)
        head(number);
    for (const auto blob : blobs)
        head(static_cast<std::uint64_t>(blob.size()));
    m_hasher.add(head.bytes());
    for (const auto blob : blobs)
        m_hasher.add(blob);
}

void ChainHasher::meta(std::int64_t n, std::string_view key, std::string_view value)
{
    put('m', {n}, {bytesOf(key), bytesOf(value)});
}

void ChainHasher::series(std::int64_t n, std::int64_t id, std::string_view name,
                         std::string_view unit, std::int64_t kind, std::int64_t fold)
{
    put('s', {n, id, kind, fold}, {bytesOf(name), bytesOf(unit)});
}

void ChainHasher::attach(std::int64_t n, std::span<const std::uint8_t> digest,
                         std::string_view name, std::span<const std::uint8_t> data)
{
    put('a', {n}, {digest, bytesOf(name), data});
}

void ChainHasher::event(std::int64_t seq, std::int64_t t, std::int64_t kind, std::int64_t target,
                        std::span<const std::uint8_t> payload)
{
    put('e', {seq, t, kind, target}, {payload});
}

void ChainHasher::tick(std::int64_t t, std::span<const std::uint8_t> values)
{
    put('t', {t}, {values});
}

void ChainHasher::sketch(std::int64_t key, std::span<const std::uint8_t> data)
{
    put('k', {key}, {data});
}

void ChainHasher::keyframe(std::int64_t t, std::int64_t seq, std::span<const std::uint8_t> state,
                           std::span<const std::uint8_t> hash)
{
    put('f', {t, seq}, {state, hash});
}

void ChainHasher::gap(std::int64_t n, std::int64_t from, std::int64_t to, std::int64_t why,
                      std::int64_t lost)
{
    put('g', {n, from, to, why, lost}, {});
}

Digest ChainHasher::finish(const BatchEnd &end)
{
    m_hasher.add(encode(end));
    return m_hasher.finish();
}

Bytes sealText(std::int64_t batch, const Digest &head)
{
    Writer text;
    text.raw(bytesOf("drillroom-seal-1"));
    text(batch);
    text.raw(head);
    return text.take();
}

} // namespace engine
