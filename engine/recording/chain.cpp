#include "engine/recording/chain.h"

namespace engine {
namespace {

std::span<const std::uint8_t> bytesOf(std::string_view text)
{
    return {reinterpret_cast<const std::uint8_t *>(text.data()), text.size()};
}

} // namespace

Digest batchHash(const Digest &previous, const BatchEnd &end)
{
    Hasher hasher;
    hasher.add(bytesOf("drillroom-batch-2"));
    hasher.add(previous);
    for (const auto *digest :
         {&end.metaChain, &end.seriesChain, &end.attachChain, &end.gapChain, &end.rows})
        hasher.add(*digest);
    hasher.add(encode(end));
    return hasher.finish();
}

ChainHasher::ChainHasher(const BatchEnd &previous)
    : m_previous(previous.hash), m_meta(previous.metaChain), m_series(previous.seriesChain),
      m_attach(previous.attachChain), m_gap(previous.gapChain)
{
}

void ChainHasher::put(Hasher &hasher, char table, std::initializer_list<std::int64_t> numbers,
                      Blobs blobs)
{
    // Lengths before contents: no two different rows feed the same bytes.
    Writer head;
    head(static_cast<std::uint8_t>(table));
    for (const auto number : numbers)
        head(number);
    for (const auto blob : blobs)
        head(static_cast<std::uint64_t>(blob.size()));
    hasher.add(head.bytes());
    for (const auto blob : blobs)
        hasher.add(blob);
}

void ChainHasher::link(Digest &chain, char table, std::initializer_list<std::int64_t> numbers,
                       Blobs blobs)
{
    Hasher hasher;
    hasher.add(chain);
    put(hasher, table, numbers, blobs);
    chain = hasher.finish();
}

void ChainHasher::meta(std::int64_t n, std::string_view key, std::string_view value)
{
    link(m_meta, 'm', {n}, {bytesOf(key), bytesOf(value)});
}

void ChainHasher::series(std::int64_t n, std::int64_t id, std::string_view name,
                         std::string_view unit, std::int64_t kind, std::int64_t fold)
{
    link(m_series, 's', {n, id, kind, fold}, {bytesOf(name), bytesOf(unit)});
}

void ChainHasher::attach(std::int64_t n, std::span<const std::uint8_t> digest,
                         std::string_view name, std::span<const std::uint8_t> data)
{
    link(m_attach, 'a', {n}, {digest, bytesOf(name), data});
}

void ChainHasher::event(std::int64_t seq, std::int64_t t, std::int64_t kind, std::int64_t target,
                        std::span<const std::uint8_t> payload)
{
    put(m_rows, 'e', {seq, t, kind, target}, {payload});
}

void ChainHasher::tick(std::int64_t t, std::span<const std::uint8_t> values)
{
    put(m_rows, 't', {t}, {values});
}

void ChainHasher::sketch(std::int64_t key, std::span<const std::uint8_t> data)
{
    put(m_rows, 'k', {key}, {data});
}

void ChainHasher::keyframe(std::int64_t t, std::int64_t seq, std::span<const std::uint8_t> state,
                           std::span<const std::uint8_t> hash)
{
    put(m_rows, 'f', {t, seq}, {state, hash});
}

void ChainHasher::gap(std::int64_t n, std::int64_t from, std::int64_t to, std::int64_t why,
                      std::int64_t lost)
{
    link(m_gap, 'g', {n, from, to, why, lost}, {});
}

void ChainHasher::finish(BatchEnd &end)
{
    end.metaChain = m_meta;
    end.seriesChain = m_series;
    end.attachChain = m_attach;
    end.gapChain = m_gap;
    end.rows = m_rows.finish();
    end.hash = batchHash(m_previous, end);
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
