# hook aggregate
f0:
    ldxdw %r2, [%r1+56]
    ldxdw %r3, [%r1+64]
    sub %r3, %r2
    ldxdw %r1, [%r1+32]
    jlt %r3, 4, i11
    rsh %r3, 2
    mov %r4, 0
    ja i13
i8:
    add %r2, 4
    add %r4, 1
    jlt %r4, %r3, i13
i11:
    mov32 %r0, %r1
    exit
i13:
    ldxw %r5, [%r2]
    jge32 %r5, %r1, i8
    stxw [%r2], %r1
    mov32 %r1, %r5
    ja i8
