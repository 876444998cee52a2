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
    const auto exchange = std::make_shared<Exchange>(core, context, reply);
    auto *reactor = exchange->m_reactor;
    exchange->begin(*request);
    return reactor;
}

Exchange::Exchange(GatewayCore &core, grpc::CallbackServerContext *context,
                   inference::ModelInferResponse *reply)
    : m_core(core), m_hold(core.hold()), m_context(context), m_reactor(context->DefaultReactor()),
      m_reply(reply), m_arrived(core.clock.now())
{
}

void Exchange::begin(const inference::ModelInferRequest &request)
{
    ++m_core.counters.requests;
    m_id = request.id();
    if (const auto status = readInfer(request, m_request); !status.ok())
        return finish(status);
    m_latest =
        m_arrived + std::min(m_core.options.latest, m_request.timeout.value_or(Micros::max()));
    if (const auto deadline = monoTime(m_context->raw_deadline()))
        m_latest = std::min(m_latest, *deadline);
    m_latest -= m_core.options.reserve;
    m_core.retries.earn();
    if (!m_request.byShopper)
        return askPrimary();
    readHistory();
}

std::optional<MonoTime> Exchange::dueOfTry() const
{
    const auto now = m_core.clock.now();
    const auto due = std::min(now + m_core.options.perTry, m_latest);
    if (due - now < m_core.options.leastTry || m_context->IsCancelled())
        return std::nullopt;
    return due;
}

void Exchange::readHistory()
{
    if (!m_core.store)
        return finish({StatusCode::FAILED_PRECONDITION,
                       "This gateway has no store; send the input history instead of shopper"});
    auto read = std::make_shared<HistoryRead>();
    const auto now = m_core.clock.now();
    const bool down = m_core.storeMisses >= m_core.options.storeDownAfter;
    const auto slice = down ? m_core.options.storeSliceDown : m_core.options.storeSlice;
    read->context.set_deadline(grpcTime(std::min(now + slice, m_latest)));
    read->request.set_shopper(m_request.shopper);
    read->request.set_h(m_request.h);
    m_core.store->async()->History(
        &read->context, &read->request, &read->reply,
        [self = shared_from_this(), read](const grpc::Status &status) {
            if (!status.ok()) {
                ++self->m_core.counters.storeMissed;
                ++self->m_core.storeMisses;
                return self->fallBack(
                    {StatusCode::UNAVAILABLE,
                     fmt::format("The store did not give the history of shopper {}: {}",
                                 self->m_request.shopper, status.error_message())});
            }
            self->m_core.storeMisses = 0;
            self->m_request.columns = read->reply.items_size();
            self->m_request.history.assign(read->reply.items().begin(), read->reply.items().end());
            self->askPrimary();
        });
}

void Exchange::askPrimary()
{
    const auto due = dueOfTry();
    if (!due)
        return fallBack({StatusCode::DEADLINE_EXCEEDED, "No time is left to ask a replica"});
    const auto ticket = m_core.startTry(m_tried, m_tries == 0);
    if (!ticket)
        return askStandby();
    auto attempt = std::make_shared<Try>();
    attempt->ticket = ticket;
    attempt->due = *due;
    m_tried |= std::uint64_t{1} << ticket->replica;
    ++m_tries;
    ask(*m_core.replicas[ticket->replica]->infer, std::move(attempt));
}

void Exchange::askStandby()
{
    const auto due = dueOfTry();
    if (!due || m_core.standby.empty() || !m_core.switches().fallback)
        return fallBack(m_why);
    auto attempt = std::make_shared<Try>();
    attempt->due = *due;
    ask(*m_core.standby.front()->infer, std::move(attempt));
}

void Exchange::ask(inference::GRPCInferenceService::Stub &stub, std::shared_ptr<Try> attempt)
{
    if (m_upstream.inputs_size() == 0)
        writeInfer(m_request, kRecommend, m_upstream);
    attempt->context.set_deadline(grpcTime(attempt->due));
    auto *raw = attempt.get();
    stub.async()->ModelInfer(&raw->context, &m_upstream, &raw->reply,
                             [self = shared_from_this(), attempt = std::move(attempt)](
                                 const grpc::Status &status) { self->answered(attempt, status); });
}

void Exchange::answered(const std::shared_ptr<Try> &attempt, const grpc::Status &given)
{
    auto status = given;
    if (status.ok() && !isComplete(attempt->reply, m_request.rows, m_request.k))
        status = {StatusCode::INTERNAL, "The replica's reply lacks items or scores"};
    if (!attempt->ticket) {
        if (status.ok())
            return reply(attempt, "standby");
        return fallBack(status);
    }
    m_core.endTry(*attempt->ticket, endOf(status), attempt->due);
    if (status.ok())
        return reply(attempt, "primary");
    if (isCallersFault(status))
        return finish(status);
    m_why = status;
    tryAgain(status);
}

void Exchange::tryAgain(const grpc::Status &why)
{
    // Overload grows when it is answered with more requests, so it is never tried again.
    const bool may = m_tries < 2 && m_core.switches().retry
                     && why.error_code() != StatusCode::RESOURCE_EXHAUSTED && dueOfTry();
    if (!may)
        return askStandby();
    if (!m_core.retries.spend()) {
        ++m_core.counters.retriesRefused;
        return askStandby();
    }
    ++m_core.counters.retries;
    if (why.error_code() == StatusCode::DEADLINE_EXCEEDED)
        return askPrimary();
    // The alarm keeps its callback after the call, so the callback must let go of us by itself.
    m_pause.Set(grpcTime(m_core.clock.now() + m_core.jitter.next()),
                [self = shared_from_this()](bool) mutable {
                    const auto last = std::move(self);
                    last->askPrimary();
                });
}

void Exchange::fallBack(const grpc::Status &why)
{
    if (!m_core.switches().fallback)
        return finish(why);
    m_core.popularity.answer(m_request, *m_reply);
    setText(*m_reply, "path", "popularity");
    setText(*m_reply, "version", "");
    setText(*m_reply, "digest", "");
    setText(*m_reply, "target", "gateway");
    m_core.fallbackServed();
    finish(grpc::Status::OK);
}

void Exchange::reply(const std::shared_ptr<Try> &attempt, std::string_view path)
{
    m_reply->Swap(&attempt->reply);
    setText(*m_reply, "path", std::string(path));
    setText(*m_reply, "target",
            attempt->ticket ? m_core.replicas[attempt->ticket->replica]->target
                            : m_core.standby.front()->target);
    finish(grpc::Status::OK);
}

void Exchange::finish(const grpc::Status &status)
{
    if (status.ok()) {
        m_reply->set_id(m_id);
        if (m_request.raw)
            makeRaw(*m_reply);
        m_core.counters.addLatency(millis(m_core.clock.now() - m_arrived));
    } else {
        ++m_core.counters.failed;
    }
    m_reactor->Finish(status);
}

} // namespace engine
