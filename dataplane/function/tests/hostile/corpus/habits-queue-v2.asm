# hook call
f0:
    mov %r0, 0
    ldxdw %r2, [%r1+8]
    ldxdw %r3, [%r1]
    jge %r3, %r2, i26
    mov %r1, 0
    mov %r4, %r10
    add %r4, -64
i7:
    mov %r5, %r1
    mov %r0, %r3
    add %r0, %r5
    ldxb %r6, [%r0]
    stxh [%r4], %r6
    add %r1, 1
    add %r0, 1
    jge %r0, %r2, i17
    add %r4, 2
    jlt %r5, 31, i7
i17:
    mov %r2, 0
    mov %r3, %r10
    add %r3, -64
    mov %r0, 0
i21:
    ldxh %r4, [%r3]
    add %r0, %r4
    add %r3, 2
    add %r2, 1
    jlt %r2, %r1, i21
i26:
    exit
