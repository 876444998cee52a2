#pragma once
// Hostile values for every field of a message, found by its descriptor: a field that is added later
// is tried without anybody thinking of it.

#include <cmath>
#include <functional>
#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>
#include <limits>
#include <memory>
#include <string>
#include <vector>

namespace test {

/// A request with one field gone bad. `path` names the field (inputs[1].shape), `what` the value.
struct BadRequest
{
    std::string path, what;
    std::string bytes; ///< serialised
};

namespace bad {

namespace pb = google::protobuf;
using Field = pb::FieldDescriptor;
/// Sets something in a copy of the message that is reached by the path so far.
using Change = std::function<void(pb::Message &)>;
using Found = std::function<void(const std::string &path, const std::string &what, Change)>;

inline constexpr int kManyValues = 1'000'000, kManyMessages = 10'000;

inline void strings(const Field *field, const std::string &path, const Found &found)
{
    const auto set = [&](const std::string &what, const std::string &value) {
        found(path, what, [field, value](pb::Message &message) {
            if (field->is_repeated())
                message.GetReflection()->AddString(&message, field, value);
            else
                message.GetReflection()->SetString(&message, field, value);
        });
    };
    set("empty", "");
    set("a megabyte", std::string(1 << 20, 'x'));
    set("a NUL and a line", std::string("a\0b\nc", 5));
    set("a path", "../../../etc/passwd");
    set("Chinese", "\xe6\x8e\xa8\xe8\x8d\x90");
}

template <class T>
std::vector<std::pair<std::string, T>> hostileNumbers()
{
    using Limits = std::numeric_limits<T>;
    if constexpr (std::is_floating_point_v<T>)
        return {{"NaN", Limits::quiet_NaN()},
                {"infinite", Limits::infinity()},
                {"minus infinite", -Limits::infinity()},
                {"negative", T(-1)},
                {"zero", T(0)},
                {"huge", Limits::max()}};
    else if constexpr (std::is_signed_v<T>)
        return {
            {"zero", T(0)}, {"negative", T(-7)}, {"least", Limits::min()}, {"most", Limits::max()}};
    else
        return {{"zero", T(0)}, {"most", Limits::max()}};
}

/// `setter` and `adder` are the reflection's pair for T.
template <class T>
void numbers(const Field *field, const std::string &path, const Found &found,
             void (pb::Reflection::*setter)(pb::Message *, const Field *, T) const,
             void (pb::Reflection::*adder)(pb::Message *, const Field *, T) const,
             void (pb::Reflection::*replacer)(pb::Message *, const Field *, int, T) const)
{
    for (const auto &[what, value] : hostileNumbers<T>())
        found(path, what, [=, v = value](pb::Message &message) {
            const auto *reflection = message.GetReflection();
            if (!field->is_repeated())
                (reflection->*setter)(&message, field, v);
            else if (reflection->FieldSize(message, field) > 0)
                (reflection->*replacer)(&message, field, 0, v);
            else
                (reflection->*adder)(&message, field, v);
        });
    if (!field->is_repeated())
        return;
    found(path, "one more",
          [=](pb::Message &message) { (message.GetReflection()->*adder)(&message, field, T(1)); });
    found(path, "a million", [=](pb::Message &message) {
        for (int i = 0; i < kManyValues; ++i)
            (message.GetReflection()->*adder)(&message, field, T(1));
    });
}

inline void walk(const pb::Message &message, const std::string &path, const Found &found);

inline void messages(const pb::Message &message, const Field *field, const std::string &path,
                     const Found &found)
{
    const auto *reflection = message.GetReflection();
    if (!field->is_repeated()) {
        walk(reflection->GetMessage(message, field), path + ".",
             [&](const std::string &inner, const std::string &what, Change change) {
                 found(inner, what, [field, change](pb::Message &outer) {
                     change(*outer.GetReflection()->MutableMessage(&outer, field));
                 });
             });
        return;
    }
    found(path, "10,000 empty ones", [field](pb::Message &outer) {
        for (int i = 0; i < kManyMessages; ++i)
            outer.GetReflection()->AddMessage(&outer, field);
    });
    const int size = reflection->FieldSize(message, field);
    for (int i = 0; i < size; ++i) {
        const auto one = path + "[" + std::to_string(i) + "]";
        found(one, "twice", [field, i](pb::Message &outer) {
            const auto *r = outer.GetReflection();
            const auto &copied = r->GetRepeatedMessage(outer, field, i);
            std::unique_ptr<pb::Message> copy(copied.New());
            copy->CopyFrom(copied);
            r->AddMessage(&outer, field)->CopyFrom(*copy);
        });
        walk(reflection->GetRepeatedMessage(message, field, i), one + ".",
             [&](const std::string &inner, const std::string &what, Change change) {
                 found(inner, what, [field, i, change](pb::Message &outer) {
                     change(*outer.GetReflection()->MutableRepeatedMessage(&outer, field, i));
                 });
             });
    }
}

inline void walk(const pb::Message &message, const std::string &path, const Found &found)
{
    using R = pb::Reflection;
    const auto *type = message.GetDescriptor();
    for (int i = 0; i < type->field_count(); ++i) {
        const auto *field = type->field(i);
        const auto name = path + field->name();
        const auto *reflection = message.GetReflection();
        if (field->is_repeated() ? reflection->FieldSize(message, field) > 0
                                 : reflection->HasField(message, field))
            found(name, "missing",
                  [field](pb::Message &m) { m.GetReflection()->ClearField(&m, field); });
        switch (field->cpp_type()) {
        case Field::CPPTYPE_INT32:
            numbers<std::int32_t>(field, name, found, &R::SetInt32, &R::AddInt32,
                                  &R::SetRepeatedInt32);
            break;
        case Field::CPPTYPE_INT64:
            numbers<std::int64_t>(field, name, found, &R::SetInt64, &R::AddInt64,
                                  &R::SetRepeatedInt64);
            break;
        case Field::CPPTYPE_UINT32:
            numbers<std::uint32_t>(field, name, found, &R::SetUInt32, &R::AddUInt32,
                                   &R::SetRepeatedUInt32);
            break;
        case Field::CPPTYPE_UINT64:
            numbers<std::uint64_t>(field, name, found, &R::SetUInt64, &R::AddUInt64,
                                   &R::SetRepeatedUInt64);
            break;
        case Field::CPPTYPE_DOUBLE:
            numbers<double>(field, name, found, &R::SetDouble, &R::AddDouble,
                            &R::SetRepeatedDouble);
            break;
        case Field::CPPTYPE_FLOAT:
            numbers<float>(field, name, found, &R::SetFloat, &R::AddFloat, &R::SetRepeatedFloat);
            break;
        case Field::CPPTYPE_STRING:
            strings(field, name, found);
            break;
        case Field::CPPTYPE_MESSAGE:
            messages(message, field, name, found);
            break;
        default: // both values of a bool are good; no request has an enum
            break;
        }
    }
}

} // namespace bad

/// Every field of `good` with every hostile value of its type, one at a time.
inline std::vector<BadRequest> badRequests(const google::protobuf::Message &good)
{
    std::vector<BadRequest> all;
    bad::walk(good, "", [&](const std::string &path, const std::string &what, bad::Change change) {
        std::unique_ptr<google::protobuf::Message> copy(good.New());
        copy->CopyFrom(good);
        change(*copy);
        all.push_back({path, what, copy->SerializePartialAsString()});
    });
    const auto bytes = good.SerializeAsString();
    all.push_back({"(message)", "cut short", bytes.substr(0, bytes.size() / 2)});
    all.push_back({"(message)", "garbage", std::string("\xff\xfe\x00\x17garbage\x80", 12)});
    return all;
}

} // namespace test
