#include "engine/serving/gateway_exchange.h"

#include <algorithm>
#include <fmt/format.h>

namespace engine {
namespace {

using drillroom::v1::HistoryReply;
using drillroom::v1::HistoryRequest;
using grpc::StatusCode;

/// What a try's status says about the replica that gave it.
TryEnd endOf(const grpc::Status &status)
{
    switch (status.error_code()) {
    case StatusCode::OK:
        return TryEnd::Answered;
    case StatusCode::DEADLINE_EXCEEDED:
        return TryEnd::TimedOut;
    case StatusCode::CANCELLED:
    case StatusCode::RESOURCE_EXHAUSTED:
    case StatusCode::INVALID_ARGUMENT:
    case StatusCode::OUT_OF_RANGE:
    case StatusCode::FAILED_PRECONDITION:
        return TryEnd::Void;
    default:
        return TryEnd::Failed;
    }
}

bool isCallersFault(const grpc::Status &status)
{
    return status.error_code() == StatusCode::INVALID_ARGUMENT
           || status.error_code() == StatusCode::OUT_OF_RANGE;
}

double millis(Micros span)
{
    return static_cast<double>(span.count()) / 1000;
}

/// Answers the caller and tells the exchange when the caller hangs up.
class Door final : public grpc::ServerUnaryReactor
{
public:
    void watch(const std::shared_ptr<Exchange> &exchange)
    {
        const std::lock_guard lock(m_mutex);
        m_exchange = exchange;
    }

private:
    void OnCancel() override
    {
        std::shared_ptr<Exchange> exchange;
        {
            const std::lock_guard lock(m_mutex);
            exchange = m_exchange.lock();
        }
        if (exchange)
            exchange->callerGone();
    }
    void OnDone() override { delete this; }
    std::mutex m_mutex; ///< guards m_exchange
    std::weak_ptr<Exchange> m_exchange;
};

struct HistoryRead
{
    grpc::ClientContext context;
    HistoryRequest request;
    HistoryReply reply;
};

} // namespace

grpc::ServerUnaryReactor *Exchange::start(GatewayCore &core, grpc::CallbackServerContext *context,
                                          const inference::ModelInferRequest *request,
                                          inference::ModelInferResponse *reply)
{
    auto *door = new Door; // gRPC's: OnDone deletes it
    const auto exchange = std::make_shared<Exchange>(core, door, reply);
    door->watch(exchange);
    const std::lock_guard lock(exchange->m_mutex);
    exchange->begin(*request, context->raw_deadline());
    return door;
}

Exchange::Exchange(GatewayCore &core, grpc::ServerUnaryReactor *reactor,
                   inference::ModelInferResponse *reply)
    : m_core(core), m_hold(core.hold()), m_settings(core.settings()), m_on(core.switches()),
      m_arrived(core.clock.now()), m_reactor(reactor), m_reply(reply)
{
}

Exchange::~Exchange()
{
    // Only here: a try that was given up still runs until its end is heard.
    if (m_hasPlace)
        m_core.queue.leave(m_placed, m_core.clock.now());
}

void Exchange::callerGone()
{
    const std::lock_guard lock(m_mutex);
    if (m_isOver)
        return;
    m_callerGone = true;
    ++m_core.counters.cancelled;
    for (const auto &attempt : m_live)
        attempt->context.TryCancel();
}

void Exchange::begin(const inference::ModelInferRequest &request, const gpr_timespec &deadline)
{
    ++m_core.counters.requests;
    m_id = request.id();
    const bool isOther = m_core.plain.serves(request.model_name());
    if (const auto status =
            isOther ? readApplication(request, m_request) : readInfer(request, m_request);
        !status.ok())
        return finish(status);
    if (isOther)
        m_upstream = request;
    m_latest = m_arrived + m_settings->latest;
    if (m_on.deadline) {
        m_latest = std::min(m_latest, m_arrived + m_request.timeout.value_or(m_settings->latest));
        if (const auto callers = monoTime(deadline))
            m_latest = std::min(m_latest, *callers);
    }
    m_latest -= m_settings->reserve;
    m_core.retries.earn();
    m_core.hedges.earn();
    m_hasHistory = !m_request.byShopper;
    if (!m_request.byShopper) {
        std::uint64_t hash = 0;
        for (const auto item : m_request.history)
            hash = hash * 31 + static_cast<std::uint64_t>(item);
        m_isCanary = m_request.application.empty() && m_core.isCanary(hash);
        return enterQueue();
    }
    m_isCanary = m_core.isCanary(m_request.shopper);
    m_key = {m_request.shopper, m_request.h, m_request.k, m_isCanary};
    if (m_on.cache && m_settings->cache.fresh.count() > 0
        && answerFromCache(GatewayCache::Age::Fresh))
        return;
    if (m_on.cache)
        return shareOrGoOn();
    readHistory();
}

std::optional<MonoTime> Exchange::dueOfTry() const
{
    const auto now = m_core.clock.now();
    const auto due = std::min(now + m_settings->perTry, m_latest);
    if (due - now < m_settings->leastTry || m_callerGone)
        return std::nullopt;
    return due;
}

void Exchange::later(grpc::Alarm &alarm, Micros wait, void (Exchange::*step)())
{
    // The alarm keeps its callback after the call, so the callback must let go of us by itself.
    alarm.Set(grpcTime(m_core.clock.now() + wait), [self = shared_from_this(), step](bool) mutable {
        const auto last = std::move(self);
        const std::lock_guard lock(last->m_mutex);
        if (!last->m_isOver)
            (last.get()->*step)();
    });
}

/// One call for all who want the same answer at the same time.
void Exchange::shareOrGoOn()
{
    const auto joined = m_core.flights.join(
        m_key, m_latest, [self = shared_from_this()](const inference::ModelInferResponse *reply) {
            const std::lock_guard lock(self->m_mutex);
            if (!reply)
                return self->readHistory();
            ++self->m_core.counters.cacheShared;
            *self->m_reply = *reply;
            self->finish(grpc::Status::OK);
        });
    if (joined == false)
        return;
    m_leads = joined == true;
    readHistory();
}

void Exchange::readHistory()
{
    if (!m_core.store)
        return finish({StatusCode::FAILED_PRECONDITION,
                       "This gateway has no store; send the input history instead of shopper"});
    auto read = std::make_shared<HistoryRead>();
    const auto now = m_core.clock.now();
    const bool down = m_core.storeMisses >= m_settings->storeDownAfter;
    const auto slice = down ? m_settings->storeSliceDown : m_settings->storeSlice;
    read->context.set_deadline(grpcTime(std::min(now + slice, m_latest)));
    read->request.set_shopper(m_request.shopper);
    read->request.set_h(m_request.h);
    m_core.store->async()->History(&read->context, &read->request, &read->reply,
                                   [self = shared_from_this(), read](const grpc::Status &status) {
                                       const std::lock_guard lock(self->m_mutex);
                                       self->historyRead(status, read->reply);
                                   });
}

void Exchange::historyRead(const grpc::Status &status, const HistoryReply &reply)
{
    if (!status.ok()) {
        ++m_core.counters.storeMissed;
        ++m_core.storeMisses;
        m_step = m_settings->chain.size(); // a model needs the history; see fallBack
        return fallBack({StatusCode::UNAVAILABLE,
                         fmt::format("The store did not give the history of shopper {}: {}",
                                     m_request.shopper, status.error_message())});
    }
    m_core.storeMisses = 0;
    m_hasHistory = true;
    m_request.columns = reply.items_size();
    m_request.history.assign(reply.items().begin(), reply.items().end());
    m_core.canaryHappened(m_request.shopper, m_request.history);
    enterQueue();
}

void Exchange::enterQueue()
{
    if (m_core.throttled())
        return fallBack({StatusCode::RESOURCE_EXHAUSTED,
                         "The replicas refuse more than they take; try again later"});
    if (!m_on.queue)
        return askPrimary();
    const auto entered = m_core.queue.enter(
        m_request.priority, m_latest, m_core.clock.now(), m_core.usableReplicas(), m_on.priority,
        [self = shared_from_this()](bool runs) {
            const std::lock_guard lock(self->m_mutex);
            self->m_hasPlace = runs;
            self->m_placed = self->m_core.clock.now();
            if (runs)
                return self->askPrimary();
            self->fallBack({StatusCode::RESOURCE_EXHAUSTED,
                            "The deadline would pass in the queue; send less or wait longer"});
        });
    switch (entered) {
    case GatewayQueue::Entered::Runs:
        m_hasPlace = true;
        m_placed = m_core.clock.now();
        return askPrimary();
    case GatewayQueue::Entered::Waits:
        ++m_core.counters.queueWaited;
        return;
    case GatewayQueue::Entered::Refused:
        ++m_core.counters.queueRefused;
        return fallBack({StatusCode::RESOURCE_EXHAUSTED,
                         "The queue has no room for a request that could be answered in time; "
                         "send less or wait longer"});
    }
}

void Exchange::askPrimary()
{
    const auto due = dueOfTry();
    if (!due) {
        ++m_core.counters.outOfTime;
        return fallBack({StatusCode::DEADLINE_EXCEEDED, "No time is left to ask a replica"});
    }
    const auto chosen = m_core.startTry(m_tried, m_tries == 0, m_isCanary);
    if (!chosen)
        return fallBack(m_why);
    auto attempt = std::make_shared<Try>();
    attempt->chosen = chosen;
    attempt->upstream = chosen->upstream;
    attempt->due = *due;
    m_tried |= std::uint64_t{1} << chosen->ticket.replica;
    ++m_tries;
    m_core.counters.canaryRequests += chosen->canary && m_tries == 1;
    launch(std::move(attempt));
    if (m_tries == 1)
        armHedge();
}

void Exchange::armHedge()
{
    const auto wait = m_on.hedging ? m_core.hedgeDelay() : std::nullopt;
    if (wait && m_core.clock.now() + *wait + m_settings->leastTry < m_latest)
        later(m_hedge, *wait, &Exchange::hedge);
}

/// The first try takes longer than most: another one beside it, the first answer counts.
void Exchange::hedge()
{
    const auto due = dueOfTry();
    if (!due || m_live.size() != 1 || m_tries != 1 || !m_core.mayHedge())
        return;
    const auto chosen = m_core.startTry(m_tried, false, m_isCanary);
    if (!chosen)
        return;
    ++m_core.counters.hedges;
    auto attempt = std::make_shared<Try>();
    attempt->chosen = chosen;
    attempt->upstream = chosen->upstream;
    attempt->due = *due;
    attempt->isHedge = true;
    m_tried |= std::uint64_t{1} << chosen->ticket.replica;
    ++m_tries;
    launch(std::move(attempt));
}

void Exchange::launch(Attempt attempt)
{
    const auto &dialect = m_core.options.dialect;
    if (m_upstream.inputs_size() == 0 && dialect)
        writeInfer(m_request, *dialect, m_upstream);
    else if (m_upstream.inputs_size() == 0)
        writeInfer(m_request, kRecommend, m_upstream);
    attempt->context.set_deadline(grpcTime(attempt->due));
    m_live.push_back(attempt);
    auto *raw = attempt.get();
    raw->upstream->infer->async()->ModelInfer(
        &raw->context, &m_upstream, &raw->reply,
        [self = shared_from_this(), attempt = std::move(attempt)](const grpc::Status &status) {
            const std::lock_guard lock(self->m_mutex);
            self->answered(attempt, status);
        });
}

void Exchange::answered(const Attempt &attempt, const grpc::Status &given)
{
    std::erase(m_live, attempt);
    auto status = given;
    const auto &dialect = m_core.options.dialect;
    if (status.ok() && dialect && m_request.application.empty()
        && !takeAnswer(*dialect, m_request.rows, m_request.k, attempt->reply))
        status = {StatusCode::INTERNAL, "The replica's reply lacks items or scores"};
    const bool isWhole = m_request.application.empty()
                             ? isComplete(attempt->reply, m_request.rows, m_request.k)
                             : attempt->reply.outputs_size() > 0;
    if (status.ok() && !isWhole)
        status = {StatusCode::INTERNAL, "The replica's reply lacks items or scores"};
    if (attempt->chosen) {
        const bool givenUp = m_isOver && status.error_code() == StatusCode::CANCELLED;
        m_core.endTry(*attempt->chosen, givenUp ? TryEnd::Overtaken : endOf(status),
                      status.error_code() == StatusCode::RESOURCE_EXHAUSTED, attempt->due);
    }
    if (m_isOver)
        return;
    if (status.ok())
        return reply(attempt);
    if (!attempt->chosen)
        return fallBack(m_why);
    if (isCallersFault(status))
        return finish(status);
    m_why = status;
    if (m_live.empty()) // else the other one may still answer
        tryAgain(status);
}

void Exchange::tryAgain(const grpc::Status &why)
{
    // Overload grows when it is answered with more requests, so it is never tried again.
    const bool may = m_tries < 2 && m_on.retry && why.error_code() != StatusCode::RESOURCE_EXHAUSTED
                     && dueOfTry();
    if (!may)
        return fallBack(why);
    if (!m_core.retries.spend()) {
        ++m_core.counters.retriesRefused;
        return fallBack(why);
    }
    ++m_core.counters.retries;
    if (why.error_code() == StatusCode::DEADLINE_EXCEEDED)
        return askPrimary();
    later(m_pause, m_core.jitter.next(), &Exchange::askPrimary);
}

void Exchange::fallBack(const grpc::Status &why)
{
    if (!m_on.fallback || m_callerGone)
        return finish(why);
    m_why = why;
    if (!m_request.application.empty())
        return fallBackPlainly(why);
    const auto &chain = m_settings->chain;
    while (m_step < chain.size()) {
        const auto &step = chain[m_step++];
        if (step == "standby" && askStandby())
            return;
        if (step == "popularity")
            return answerFromPopularity();
        if (step == "cached" && m_on.cache && answerFromCache(GatewayCache::Age::Stale))
            return;
    }
    // Without the history only a kept answer leaves out what the shopper has already.
    const auto has = [&](const char *step) {
        return std::ranges::find(chain, step) != chain.end();
    };
    if (!m_hasHistory && has("cached") && m_on.cache && answerFromCache(GatewayCache::Age::Stale))
        return;
    if (has("popularity"))
        return answerFromPopularity();
    finish(why);
}

void Exchange::fallBackPlainly(const grpc::Status &why)
{
    const auto &chain = m_settings->applications.chain(m_request.application);
    while (m_step < chain.size()) {
        const auto &step = chain[m_step++];
        if (step == "standby") {
            if (askStandby())
                return;
            continue;
        }
        const auto answered = m_core.plain.answer(step, m_upstream, *m_reply);
        if (!answered)
            return finish({StatusCode::INVALID_ARGUMENT, answered.error().text()});
        if (!*answered)
            continue;
        setText(*m_reply, "path", "popularity");
        setText(*m_reply, "fallback", step);
        setText(*m_reply, "version", "");
        setText(*m_reply, "digest", "");
        setText(*m_reply, "target", "gateway");
        ++m_core.counters.fallback;
        m_core.fallbackServed(fmt::format("{} for {}", step, m_request.application));
        return finish(grpc::Status::OK);
    }
    m_reply->Clear();
    finish(why);
}

bool Exchange::askStandby()
{
    const auto due = dueOfTry();
    auto standby = due ? m_core.healthyStandby() : nullptr;
    if (!standby)
        return false;
    auto attempt = std::make_shared<Try>();
    attempt->upstream = std::move(standby);
    attempt->due = *due;
    launch(std::move(attempt));
    return true;
}

bool Exchange::answerFromCache(GatewayCache::Age age)
{
    if (!m_request.byShopper)
        return false;
    auto kept = m_core.cache.find(m_key, age, m_core.clock.now());
    if (!kept)
        return false;
    m_reply->Swap(&*kept);
    setText(*m_reply, "path", "cached");
    setText(*m_reply, "target", "gateway");
    if (age == GatewayCache::Age::Fresh) {
        ++m_core.counters.cacheFresh;
    } else {
        ++m_core.counters.cacheStale;
        m_core.fallbackServed("cache");
    }
    finish(grpc::Status::OK);
    return true;
}

void Exchange::answerFromPopularity()
{
    m_core.popularity.answer(m_request, *m_reply);
    setText(*m_reply, "path", "popularity");
    setText(*m_reply, "version", "");
    setText(*m_reply, "digest", "");
    setText(*m_reply, "target", "gateway");
    ++m_core.counters.fallback;
    m_core.fallbackServed("popularity list");
    finish(grpc::Status::OK);
}

void Exchange::reply(const Attempt &attempt)
{
    m_reply->Swap(&attempt->reply);
    setText(*m_reply, "path", attempt->chosen ? "primary" : "standby");
    setText(*m_reply, "target", attempt->upstream->target);
    m_core.counters.hedgesWon += attempt->isHedge;
    if (!attempt->chosen) {
        ++m_core.counters.standby;
        m_core.fallbackServed("standby");
    } else if (m_request.byShopper) {
        const bool ofGroup = attempt->chosen->canary == m_isCanary;
        if (m_on.cache && ofGroup)
            m_core.cache.put(m_key, *m_reply, m_core.clock.now());
        for (const auto &output : m_reply->outputs())
            if (output.name() == "items" && ofGroup)
                m_core.canaryServed(
                    m_request.shopper, m_request.h, m_isCanary,
                    {output.contents().int64_contents().data(),
                     static_cast<std::size_t>(output.contents().int64_contents_size())});
    }
    finish(grpc::Status::OK);
}

void Exchange::finish(const grpc::Status &status)
{
    if (std::exchange(m_isOver, true))
        return;
    for (const auto &attempt : m_live)
        attempt->context.TryCancel();
    m_hedge.Cancel();
    // Before our own form: the others may want another.
    if (m_leads)
        m_core.flights.land(m_key, status.ok() && !m_callerGone ? m_reply : nullptr);
    if (status.ok()) {
        m_reply->set_id(m_id);
        if (m_request.raw)
            makeRaw(*m_reply);
        m_core.counters.addLatency(millis(m_core.clock.now() - m_arrived));
    } else if (!m_callerGone) {
        ++m_core.counters.failed;
    }
    m_reactor->Finish(status);
}

} // namespace engine
