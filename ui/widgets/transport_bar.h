#pragma once
// Play, pause, step, speed and loop of a run page, with the clock and the measures so far. Emits
// wishes only; the page moves the playhead.

#include <QWidget>

class QComboBox;
class QLabel;
class QPushButton;

namespace ui {

class MeasureChips;

class TransportBar : public QWidget
{
    Q_OBJECT
public:
    explicit TransportBar(QWidget *parent = nullptr);

    void setPlaying(bool playing);
    void setLive(bool live, bool following); ///< Live page: the LIVE chip instead of a speed
    void setClock(const QString &since, const QString &wall);
    struct Chip
    {
        QString name, value, after;
        bool operator==(const Chip &) const = default;
    };
    void setChips(const std::vector<Chip> &chips);
    /// What the loop button says: no loop, A is set and B is not yet, or it loops.
    enum class Loop { Off, Open, On };
    void setLoop(Loop loop, const QString &span);
    [[nodiscard]] double speed() const;
    void changeSpeed(int steps);

Q_SIGNALS:
    void playToggled();
    void stepAsked(int direction);
    void faultStepAsked(int direction);
    void loopToggled();
    void followAsked();

private:
    QPushButton *m_faultBack = nullptr, *m_back = nullptr, *m_play = nullptr, *m_forward = nullptr,
                *m_faultForward = nullptr, *m_loop = nullptr, *m_live = nullptr;
    QComboBox *m_speed = nullptr;
    QLabel *m_since = nullptr, *m_wall = nullptr;
    MeasureChips *m_chips = nullptr;
    bool m_playing = false;
};

} // namespace ui
