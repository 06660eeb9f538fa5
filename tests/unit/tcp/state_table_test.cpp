// B1.table: every state against every kind of segment, as RFC 9293 §3.10.7 has it, with RFC 5961
// for resets, SYNs and acknowledgements and RFC 1337 for TIME-WAIT.

#include "engine_fixture.hpp"

#include <gtest/gtest.h>

#include <array>
#include <string>
#include <string_view>

namespace millrace::tcp {
namespace {

using wire::Drop;

// ------------------------------------------------------------------ states with a receive sequence

/// Where a segment begins, from RCV.NXT.
enum class Place { before, next, inside, beyond };

/// What it acknowledges.
enum class Acks { una, nxt, unsent, ancient };

struct Row {
    const char* name;
    std::uint8_t flags;
    Place place;
    Acks acks;
    std::uint32_t length;
    /// For each state of `columns`: what is sent (`.` nothing, `A` an acknowledgement, `R` a
    /// reset), and where the state goes, when it does.
    std::array<std::string_view, 8> cells;
    const char* rule;
};

constexpr std::array<std::string_view, 8> columns{"SYN-RECEIVED", "ESTABLISHED", "FIN-WAIT-1",
                                                  "FIN-WAIT-2",   "CLOSE-WAIT",  "CLOSING",
                                                  "LAST-ACK",     "TIME-WAIT"};

// clang-format off
const Row rows[] = {
    // name                     flags place         acknowledges  length
    //  SYN-RECEIVED     ESTABLISHED     FIN-WAIT-1      FIN-WAIT-2     CLOSE-WAIT  CLOSING         LAST-ACK     TIME-WAIT
    {"rst_at_rcv_nxt",            R,  Place::next,   Acks::una,     0,
     {". CLOSED",       ". CLOSED",     ". CLOSED",     ". CLOSED",    ". CLOSED", ". CLOSED",     ". CLOSED",  "."},
     "step 2; RFC 5961 §3.2; RFC 1337"},
    {"rst_in_window",             RA, Place::inside, Acks::nxt,     0,
     {"A",              "A",            "A",            "A",           "A",        "A",            "A",         "."},
     "RFC 5961 §3.2: a challenge ACK"},
    {"rst_before_window",         R,  Place::before, Acks::una,     0,
     {".",              ".",            ".",            ".",           ".",        ".",            ".",         "."},
     "step 1; RFC 5961 §3.2"},
    {"rst_beyond_window",         RA, Place::beyond, Acks::nxt,     0,
     {".",              ".",            ".",            ".",           ".",        ".",            ".",         "."},
     "step 1; RFC 5961 §3.2"},
    {"syn_at_rcv_nxt",            S,  Place::next,   Acks::una,     0,
     {"A",              "A",            "A",            "A",           "A",        "A",            "A",         "A"},
     "step 4; RFC 5961 §4.2: a challenge ACK"},
    {"syn_repeated",              S,  Place::before, Acks::una,     0,
     {"A",              "A",            "A",            "A",           "A",        "A",            "A",         "A"},
     "step 1"},
    {"syn_beyond_window",         S,  Place::beyond, Acks::una,     0,
     {"A",              "A",            "A",            "A",           "A",        "A",            "A",         "A"},
     "RFC 5961 §4.2: whatever the number"},
    {"syn_ack_repeated",          SA, Place::before, Acks::nxt,     0,
     {". ESTABLISHED",  "A",            "A",            "A",           "A",        "A",            "A",         "A"},
     "§3.5, figure 7; else step 1"},
    {"no_ack_bit",                0,  Place::next,   Acks::una,     10,
     {".",              ".",            ".",            ".",           ".",        ".",            ".",         "."},
     "step 5: drop"},
    {"ack_of_nothing_new",        A,  Place::next,   Acks::una,     0,
     {"R",              ".",            ".",            ".",           ".",        ".",            ".",         "."},
     "step 5"},
    {"ack_of_all",                A,  Place::next,   Acks::nxt,     0,
     {". ESTABLISHED",  ".",            ". FIN-WAIT-2", ".",           ".",        ". TIME-WAIT",  ". CLOSED",  "."},
     "step 5"},
    {"ack_of_the_unsent",         A,  Place::next,   Acks::unsent,  0,
     {"R",              "A",            "A",            "A",           "A",        "A",            "A",         "A"},
     "step 5"},
    {"ack_too_old",               A,  Place::next,   Acks::ancient, 0,
     {"R",              "A",            "A",            "A",           "A",        "A",            "A",         "A"},
     "RFC 5961 §5.2: a challenge ACK"},
    {"ack_before_window",         A,  Place::before, Acks::nxt,     0,
     {"A",              "A",            "A",            "A",           "A",        "A",            "A",         "A"},
     "step 1"},
    {"ack_beyond_window",         A,  Place::beyond, Acks::nxt,     0,
     {"A",              "A",            "A",            "A",           "A",        "A",            "A",         "A"},
     "step 1"},
    {"data_in_order",             PA, Place::next,   Acks::nxt,     10,
     {". ESTABLISHED",  ".",            ". FIN-WAIT-2", ".",           ".",        ". TIME-WAIT",  ". CLOSED",  "."},
     "step 7: taken (its ACK is delayed), or after a FIN ignored"},
    {"data_out_of_order",         A,  Place::inside, Acks::nxt,     10,
     {"A ESTABLISHED",  "A",            "A FIN-WAIT-2", "A",           ".",        ". TIME-WAIT",  ". CLOSED",  "."},
     "step 7; RFC 5681 §4.2: an immediate ACK"},
    {"data_repeated",             A,  Place::before, Acks::nxt,     10,
     {"A",              "A",            "A",            "A",           "A",        "A",            "A",         "A"},
     "step 1"},
    {"data_beyond_window",        A,  Place::beyond, Acks::nxt,     10,
     {"A",              "A",            "A",            "A",           "A",        "A",            "A",         "A"},
     "step 1"},
    {"fin",                       FA, Place::next,   Acks::una,     0,
     {"R",              "A CLOSE-WAIT", "A CLOSING",    "A TIME-WAIT", ".",        ".",            ".",         "."},
     "step 8"},
    {"fin_and_ack_of_all",        FA, Place::next,   Acks::nxt,     0,
     {"A CLOSE-WAIT",   "A CLOSE-WAIT", "A TIME-WAIT",  "A TIME-WAIT", ".",        ". TIME-WAIT",  ". CLOSED",  "."},
     "step 8"},
    {"fin_with_data",             FA, Place::next,   Acks::nxt,     10,
     {"A CLOSE-WAIT",   "A CLOSE-WAIT", "A TIME-WAIT",  "A TIME-WAIT", ".",        ". TIME-WAIT",  ". CLOSED",  "."},
     "step 8"},
    {"fin_repeated",              FA, Place::before, Acks::nxt,     0,
     {"A",              "A",            "A",            "A",           "A",        "A",            "A",         "A"},
     "step 1"},
    {"fin_out_of_order",          FA, Place::inside, Acks::nxt,     0,
     {"A ESTABLISHED",  "A",            "A FIN-WAIT-2", "A",           ".",        ". TIME-WAIT",  ". CLOSED",  "."},
     "step 8, when the gap closes"},
    {"fin_beyond_window",         FA, Place::beyond, Acks::nxt,     0,
     {"A",              "A",            "A",            "A",           "A",        "A",            "A",         "A"},
     "step 1"},
};
// clang-format on

class StateTableTest
    : public EngineTest,
      public testing::WithParamInterface<std::tuple<std::size_t, std::size_t, std::uint32_t>> {
  protected:
    static constexpr std::array<void (EngineTest::*)(), 8> make{
        &EngineTest::syn_received, &EngineTest::established, &EngineTest::fin_wait_1,
        &EngineTest::fin_wait_2,   &EngineTest::close_wait,  &EngineTest::closing,
        &EngineTest::last_ack,     &EngineTest::time_wait};

    [[nodiscard]] Seg segment_of(const Row& row) const {
        const auto next = static_cast<std::uint32_t>(tcb.rcv.nxt - ends.irs);
        const auto una = static_cast<std::uint32_t>(tcb.snd.una - ends.iss);
        const auto nxt = static_cast<std::uint32_t>(tcb.snd.nxt - ends.iss);
        const std::uint32_t controls = (row.flags & (S | wire::tcp_flag::fin)) != 0 ? 1 : 0;
        Seg seg{.flags = row.flags, .length = row.length};
        switch (row.place) {
        case Place::before:
            seg.seq = next - std::max(row.length + controls, 1U);
            break;
        case Place::next:
            seg.seq = next;
            break;
        case Place::inside:
            seg.seq = next + 5;
            break;
        case Place::beyond:
            seg.seq = next + tcb.rcv_wnd();
            break;
        }
        switch (row.acks) {
        case Acks::una:
            seg.ack = una;
            break;
        case Acks::nxt:
            seg.ack = nxt;
            break;
        case Acks::unsent:
            seg.ack = nxt + 1;
            break;
        case Acks::ancient:
            seg.ack = una - tcb.snd.wnd_max - 1;
            break;
        }
        return seg;
    }
};

TEST_P(StateTableTest, B1) {
    const auto [row_index, column, iss] = GetParam();
    const Row& row = rows[row_index];
    ends.iss = wire::SeqNum{iss};
    ends.irs = wire::SeqNum{~iss};
    (this->*make.at(column))();
    ASSERT_EQ(name(tcb.state), columns.at(column));
    const std::string_view cell = row.cells.at(column);
    const Seg seg = segment_of(row);
    SCOPED_TRACE(std::string{columns.at(column)} + " receives " + text_of(seg) + "; " + row.rule);
    now += 10s;
    const auto nxt = static_cast<std::uint32_t>(tcb.snd.nxt - ends.iss);

    const Step step = arrive(seg);

    switch (cell[0]) {
    case '.':
        EXPECT_SENT_NOTHING(step.out);
        break;
    case 'A':
        EXPECT_SENT(step.out,
                    {.seq = nxt, .ack = static_cast<std::uint32_t>(tcb.rcv.nxt - ends.irs)});
        break;
    default:
        EXPECT_SENT(step.out, {.seq = seg.ack, .flags = R});
        break;
    }
    EXPECT_EQ(name(tcb.state), cell.size() > 2 ? cell.substr(2) : columns.at(column));
}

std::string name_of(const testing::TestParamInfo<StateTableTest::ParamType>& info) {
    std::string text = std::string{columns.at(std::get<1>(info.param))} + "_" +
                       rows[std::get<0>(info.param)].name + "_iss_" +
                       std::to_string(std::get<2>(info.param));
    std::replace(text.begin(), text.end(), '-', '_');
    return text;
}

INSTANTIATE_TEST_SUITE_P(Rfc9293, StateTableTest,
                         testing::Combine(testing::Range(std::size_t{0}, std::size(rows)),
                                          testing::Range(std::size_t{0}, columns.size()),
                                          testing::Values(0U, 0xFFFF'FFFEU, 0x7FFF'FFFEU)),
                         name_of);

// --------------------------------------------------------------------------------------- SYN-SENT

struct SynSentRow {
    const char* name;
    Seg seg;
    std::string_view cell; ///< As above; `S` is a SYN,ACK.
};

const SynSentRow syn_sent_rows[] = {
    {"syn", {.seq = 0, .flags = S}, "S SYN-RECEIVED"},
    {"syn_ack", {.seq = 0, .ack = 1, .flags = SA}, "A ESTABLISHED"},
    {"syn_ack_old", {.seq = 0, .ack = 0, .flags = SA}, "R"},
    {"syn_ack_future", {.seq = 0, .ack = 2, .flags = SA}, "R"},
    {"ack_good", {.seq = 0, .ack = 1}, "."},
    {"ack_old", {.seq = 0, .ack = 0}, "R"},
    {"ack_future", {.seq = 0, .ack = 2}, "R"},
    {"data", {.seq = 0, .ack = 1, .length = 10}, "."},
    {"no_ack_bit", {.seq = 0, .flags = 0, .length = 10}, "."},
    {"fin", {.seq = 0, .ack = 1, .flags = FA}, "."},
    {"rst", {.seq = 0, .flags = R}, "."},
    {"rst_and_good_ack", {.seq = 0, .ack = 1, .flags = RA}, ". CLOSED"},
    {"rst_and_bad_ack", {.seq = 0, .ack = 0, .flags = RA}, "."},
};

class SynSentTableTest : public EngineTest, public testing::WithParamInterface<SynSentRow> {};

TEST_P(SynSentTableTest, B1) {
    const SynSentRow& row = GetParam();
    syn_sent();
    const Step step = arrive(row.seg);
    switch (row.cell[0]) {
    case '.':
        EXPECT_SENT_NOTHING(step.out);
        break;
    case 'A':
        EXPECT_SENT(step.out, {.seq = 1, .ack = 1});
        break;
    case 'S':
        EXPECT_SENT(step.out, {.seq = 0, .ack = 1, .flags = SA});
        break;
    default:
        EXPECT_SENT(step.out, {.seq = row.seg.ack, .flags = R});
        break;
    }
    EXPECT_EQ(name(tcb.state), row.cell.size() > 2 ? row.cell.substr(2) : "SYN-SENT");
    EXPECT_EQ(delivered, 0U);
}

INSTANTIATE_TEST_SUITE_P(Rfc9293, SynSentTableTest, testing::ValuesIn(syn_sent_rows),
                         [](const auto& row) { return std::string{row.param.name}; });

// ------------------------------------------------------------- SYN-RECEIVED after a passive open

struct HalfOpenRow {
    const char* name;
    Seg seg;
    char reply;
    HalfOpenVerdict verdict;
};

constexpr auto stay = HalfOpenVerdict::stay;
constexpr auto establishes = HalfOpenVerdict::establish;
constexpr auto to_listen = HalfOpenVerdict::remove;

const HalfOpenRow half_open_rows[] = {
    {"ack", {}, '.', establishes},
    {"ack_with_data", {.flags = PA, .length = 10}, '.', establishes},
    {"ack_with_fin", {.flags = FA}, '.', establishes},
    {"ack_of_the_unsent", {.ack = 2}, 'R', stay},
    {"ack_of_nothing", {.ack = 0}, 'R', stay},
    {"ack_in_window", {.seq = 100, .length = 10}, '.', establishes},
    {"ack_before_window", {.seq = 0}, 'A', stay},
    {"ack_beyond_window", {.seq = 65'536}, 'A', stay},
    {"no_ack_bit", {.flags = 0, .length = 10}, '.', stay},
    {"syn_repeated", {.seq = 0, .flags = S}, 'S', stay},
    {"syn_in_window", {.seq = 1, .flags = S}, '.', to_listen},
    {"syn_beyond_window", {.seq = 70'000, .flags = S}, 'A', stay},
    {"syn_ack_repeated", {.seq = 0, .flags = SA}, 'A', stay},
    {"rst_at_rcv_nxt", {.flags = R}, '.', to_listen},
    {"rst_in_window", {.seq = 2, .flags = R}, 'A', stay},
    {"rst_before_window", {.seq = 0, .flags = R}, '.', stay},
    {"rst_beyond_window", {.seq = 65'536, .flags = RA}, '.', stay},
};

class HalfOpenTableTest : public EngineTest, public testing::WithParamInterface<HalfOpenRow> {};

TEST_P(HalfOpenTableTest, B1) {
    const HalfOpenRow& row = GetParam();
    listen_received_syn();
    sent.clear();
    const std::vector<std::byte> bytes(row.seg.length);
    wire::TcpSegment segment = incoming(row.seg);
    segment.payload = bytes;
    const HalfOpenResult result = segment_arrives(half_open, segment, local(), now, context);
    collect_output();
    EXPECT_EQ(result.verdict, row.verdict);
    switch (row.reply) {
    case '.':
        EXPECT_SENT_NOTHING(sent);
        break;
    case 'A':
        EXPECT_SENT(sent, {.seq = 1, .ack = 1});
        break;
    case 'S':
        EXPECT_SENT(sent, {.seq = 0, .ack = 1, .flags = SA});
        break;
    default:
        EXPECT_SENT(sent, {.seq = row.seg.ack, .flags = R});
        break;
    }
}

INSTANTIATE_TEST_SUITE_P(Rfc9293, HalfOpenTableTest, testing::ValuesIn(half_open_rows),
                         [](const auto& row) { return std::string{row.param.name}; });

// ----------------------------------------------------------------------- TIME-WAIT as an entry

struct TimeWaitRow {
    const char* name;
    Seg seg;
    char reply;
    TimeWaitVerdict verdict;
};

const TimeWaitRow time_wait_rows[] = {
    {"fin_repeated", {.seq = 1, .ack = 2, .flags = FA}, 'A', TimeWaitVerdict::restart},
    {"fin_elsewhere", {.seq = 2, .ack = 2, .flags = FA}, 'A', TimeWaitVerdict::stay},
    {"ack", {.seq = 2, .ack = 2}, '.', TimeWaitVerdict::stay},
    {"ack_old", {.seq = 1, .ack = 1}, 'A', TimeWaitVerdict::stay},
    {"data_old", {.seq = 1, .ack = 1, .length = 1}, 'A', TimeWaitVerdict::stay},
    {"data_new", {.seq = 2, .ack = 2, .length = 1}, 'A', TimeWaitVerdict::stay},
    {"rst_at_rcv_nxt", {.seq = 2, .flags = R}, '.', TimeWaitVerdict::stay},
    {"rst_elsewhere", {.seq = 70'000, .flags = RA}, '.', TimeWaitVerdict::stay},
    {"syn_beyond", {.seq = 2, .flags = S}, '.', TimeWaitVerdict::reopen},
    {"syn_old", {.seq = 1, .flags = S}, 'A', TimeWaitVerdict::stay},
    {"syn_ack", {.seq = 2, .ack = 2, .flags = SA}, 'A', TimeWaitVerdict::stay},
};

class TimeWaitTableTest : public EngineTest, public testing::WithParamInterface<TimeWaitRow> {};

TEST_P(TimeWaitTableTest, B1) {
    const TimeWaitRow& row = GetParam();
    time_wait();
    TimeWait entry = time_wait_of(tcb, ReusePolicy::timestamps);
    sent.clear();
    const std::vector<std::byte> bytes(row.seg.length);
    wire::TcpSegment segment = incoming(row.seg);
    segment.payload = bytes;
    EXPECT_EQ(segment_arrives(entry, segment, now, context).verdict, row.verdict);
    collect_output();
    if (row.reply == '.') {
        EXPECT_SENT_NOTHING(sent);
    } else {
        EXPECT_SENT(sent, {.seq = 2, .ack = 2});
    }
}

INSTANTIATE_TEST_SUITE_P(Rfc9293, TimeWaitTableTest, testing::ValuesIn(time_wait_rows),
                         [](const auto& row) { return std::string{row.param.name}; });

// ------------------------------------------------------------------------------- the state machine

TEST(StateTest, B1_names_are_the_rfcs) {
    EXPECT_EQ(name(State::closed), "CLOSED");
    EXPECT_EQ(name(State::listen), "LISTEN");
    EXPECT_EQ(name(State::syn_sent), "SYN-SENT");
    EXPECT_EQ(name(State::syn_received), "SYN-RECEIVED");
    EXPECT_EQ(name(State::time_wait), "TIME-WAIT");
}

} // namespace
} // namespace millrace::tcp
